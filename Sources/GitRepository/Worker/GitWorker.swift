import Foundation

/// The child process: one request on standard input, one answer on standard output.
public enum GitWorker {
    /// Address space, in bytes. An object that inflates to more is an error, not the end of the machine.
    private static let memory: rlim_t = 2 << 30

    /// Does what is asked. The exit code says only whether an answer was written.
    public static func serve() -> Int32 {
        guard let document = readInput(),
            let request = try? JSONDecoder().decode(GitWorkerRequest.self, from: Data(document))
        else {
            FileHandle.standardError.write(Data("git-worker is a part of infra and not for use by hand\n".utf8))
            return 2
        }
        restrict(seconds: request.seconds)
        var reply = Reply(.done)
        do throws(GitError) {
            reply = try GitWork(request).perform()
        } catch {
            reply = Reply(.failed(error))
        }
        return reply.write() ? 0 : 1
    }

    /// An answer and the bytes that follow it.
    struct Reply {
        let answer: GitWorkerAnswer
        var body: [UInt8] = []

        init(_ answer: GitWorkerAnswer, body: [UInt8] = []) {
            self.answer = answer
            self.body = body
        }

        fileprivate func write() -> Bool {
            guard let line = try? JSONEncoder().encode(answer) else { return false }
            return Self.write(Array(line) + [10]) && Self.write(body)
        }

        private static func write(_ bytes: [UInt8]) -> Bool {
            bytes.withUnsafeBytes { buffer in
                var done = 0
                while done < buffer.count {
                    let count = Foundation.write(1, buffer.baseAddress?.advanced(by: done), buffer.count - done)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { return false }
                    done += count
                }
                return true
            }
        }
    }

    private static func readInput() -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= GitWorkerRequest.byteLimit {
            let count = read(0, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
        return nil
    }

    /// The parent kills us at the deadline; the alarm does when there is no parent any more. No core: it could hold a token.
    private static func restrict(seconds: UInt32) {
        var core = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
        var space = rlimit(rlim_cur: memory, rlim_max: memory)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &space)
        umask(0o077)
        signal(SIGALRM, SIG_DFL)
        alarm(seconds)
    }
}
