import TestSupport
import Testing

/// The built program on a lab host, as a person uses it: every test starts `infra`, and looks at what came of it with
/// other tools. One host serves them all, so they run one after the other, and not beside others that use it
/// (`Tests/run`); each has a fleet of its own and leaves nothing.
@Suite(.enabled(if: Lab.isHere, "needs a lab host"), .serialized) enum LiveTests {}
