public import Reconciler

/// How a watcher works.
public struct WatchSettings: Sendable {
    /// How often the branch is looked at when nothing wakes it.
    public var interval: Duration
    /// How often everything is read again when nothing tells of a change.
    public var resync: Duration
    /// How long to wait for an apply by hand that holds a host's lock.
    public var lockTimeout: Duration
    /// How often a watcher that stands by asks whether it is its turn.
    public var standby: Duration
    /// How patient an apply is.
    public var run: RunSettings

    /// How a watcher works; without arguments as the command line is by default.
    public init(
        interval: Duration = .seconds(30), resync: Duration = .seconds(600), lockTimeout: Duration = .seconds(60),
        standby: Duration = .seconds(5), run: RunSettings = RunSettings()
    ) {
        self.interval = interval
        self.resync = resync
        self.lockTimeout = lockTimeout
        self.standby = standby
        self.run = run
    }
}
