import Foundation

/// The two streams of a command: results on standard output, everything else on standard error.
enum Console {
    /// Writes a result.
    static func output(_ text: String) { write(text, to: .standardOutput) }

    /// Writes a message, as a line.
    static func error(_ text: String) { write(text.hasSuffix("\n") ? text : text + "\n", to: .standardError) }

    /// Whether standard output is a terminal that may be coloured and moved about in (https://no-color.org).
    static var isAnimated: Bool {
        let environment = ProcessInfo.processInfo.environment
        return isatty(STDOUT_FILENO) == 1 && environment["NO_COLOR", default: ""].isEmpty
            && environment["TERM"] != "dumb"
    }

    /// How many columns the terminal at standard output has; 80 where it does not say.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Asks, and reads a line; nil at the end of input.
    static func ask(_ question: String) -> String? {
        output(question)
        return readLine()
    }

    /// Whether there is somebody to ask.
    static var canAsk: Bool { isatty(STDIN_FILENO) == 1 }

    private static func write(_ text: String, to handle: FileHandle) {
        // A reader that went away is no reason to fail: there is nobody left to tell.
        try? handle.write(contentsOf: Data(text.utf8))
    }
}
