import TestSupport
import Testing

/// The built program over several hosts, from where an operator sits: `Tests/Lab/lab exec underlay`. They share the hosts,
/// so they run one after the other; each has a fleet of its own and leaves nothing.
@Suite(.enabled(if: Lab.keys != nil, "needs a lab of three hosts"), .serialized) enum RackTests {}
