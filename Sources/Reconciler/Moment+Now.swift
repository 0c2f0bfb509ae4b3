import Foundation
public import Model

extension Moment {
    /// Now, by this machine's clock. Planning has none: it is given the time.
    public static var now: Moment { Moment(seconds: Int64(Date().timeIntervalSince1970.rounded(.down))) }
}
