import Model

/// A command that only looks, and what its answer means.
public struct HostQuestion<Answer: Sendable>: Sendable {
    let call: CommandCall
    let read: @Sendable (CommandOutput) throws(HostError) -> Answer
    let recover: @Sendable (HostError) throws(HostError) -> Answer

    /// A question.
    ///
    /// - Parameters:
    ///   - call: the command.
    ///   - recover: what a failure of the command means, where it is an answer as well.
    ///   - read: what it wrote means.
    public init(
        _ call: CommandCall,
        recover: @escaping @Sendable (HostError) throws(HostError) -> Answer = { error throws(HostError) in throw error
        },
        read: @escaping @Sendable (CommandOutput) throws(HostError) -> Answer
    ) {
        self.call = call
        self.recover = recover
        self.read = read
    }

    /// A question to which what is written is the answer.
    public static func text(_ call: CommandCall) -> HostQuestion<String> where Answer == String {
        HostQuestion(call) { output throws(HostError) in output.text }
    }

    func answer(_ output: Result<CommandOutput, HostError>) -> Result<Answer, HostError> {
        Result { () throws(HostError) in
            switch output {
            case .success(let output): try read(output)
            case .failure(let error): try recover(error)
            }
        }
    }
}

/// A command that reads nothing on its standard input and changes nothing.
public struct CommandCall: Sendable {
    let executable: String
    let arguments: [String]
    let deadline: Duration
    let outputLimit: Int
    let accepting: Set<Int>
    let repairing: Bool

    /// A command; the parameters are those of `CommandRunner.run`.
    public init(
        _ executable: String, _ arguments: [String], deadline: Duration = .seconds(30), outputLimit: Int = 1 << 20,
        accepting: Set<Int> = [0], repairing: Bool = false
    ) {
        self.executable = executable
        self.arguments = arguments
        self.deadline = deadline
        self.outputLimit = outputLimit
        self.accepting = accepting
        self.repairing = repairing
    }

    /// What it wrote, as `CommandRunner.run` would have it.
    func output(_ raw: CommandRunner.RawOutput) throws(HostError) -> CommandOutput {
        guard raw.output.count <= outputLimit else {
            throw .unreadable("\(executable) wrote more than the \(ByteCount(UInt64(outputLimit))) that are read")
        }
        guard accepting.contains(raw.status) else {
            let words = CommandText.firstLines(raw.error)
            let isMissing = raw.status == 127 && words.hasSuffix("\(executable): command not found")
            throw .command(
                program: executable, status: raw.status, standardError: isMissing ? "not installed" : words)
        }
        return try CommandOutput(raw, of: executable, repairing: repairing)
    }
}

extension CommandRunner {
    /// Asks one question.
    public func ask<Answer>(_ question: HostQuestion<Answer>) async throws(HostError) -> Answer {
        try question.answer(await output(of: question.call)).get()
    }

    /// Asks several questions, one after the other in one process on the host: over a connection that is one session and
    /// one way there and back. Each has an answer of its own: where one of them keeps the others waiting, or says too much,
    /// all are asked again, each by itself.
    public func ask<each Answer>(
        together question: repeat HostQuestion<each Answer>
    ) async -> (repeat Result<each Answer, HostError>) {
        var calls: [CommandCall] = []
        repeat calls.append((each question).call)
        var outputs = await outputs(of: calls)[...]
        return (repeat (each question).answer(outputs.removeFirst()))
    }

    private func outputs(of calls: [CommandCall]) async -> [Result<CommandOutput, HostError>] {
        do throws(HostError) {
            return try await CommandSeries(calls).run(self)
        } catch {
            if case .unreachable = error { return calls.map { _ in .failure(error) } }
            if Task.isCancelled { return calls.map { _ in .failure(error) } }
        }
        return await withTaskGroup(of: (Int, Result<CommandOutput, HostError>).self) { group in
            for (index, call) in calls.enumerated() { group.addTask { (index, await output(of: call)) } }
            return await group.reduce(into: calls.map { .failure(.deadline(call: $0.executable)) }) {
                $0[$1.0] = $1.1
            }
        }
    }

    private func output(of call: CommandCall) async -> Result<CommandOutput, HostError> {
        do throws(HostError) {
            return .success(
                try await run(
                    call.executable, call.arguments, deadline: call.deadline, outputLimit: call.outputLimit,
                    accepting: call.accepting, repairing: call.repairing))
        } catch {
            return .failure(error)
        }
    }
}
