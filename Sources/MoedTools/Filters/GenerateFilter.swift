package import MoedBatching
import MoedCore
package import MoedLocal

/// `moed generate`: chat-completion bodies in, chat-completion objects out, in the order of the input.
///
/// Lines are read only as far as the batch can use them, so an endless input runs in bounded memory.
package struct GenerateFilter {
    /// Lines read ahead of the running batch, in batches: enough for the planner to build groups from.
    private static let readAheadBatches = 4

    private let preparer: RequestPreparer
    private let modelName: String
    private let showsIDs: Bool
    private let slots: Int
    private var loop: GenerationLoop
    /// Answers that wait for an earlier line's.
    private var answers: [Int: JSONValue] = [:]
    private var nextToWrite = 0
    private var linesRead = 0
    private let clock = ContinuousClock()
    private let origin: ContinuousClock.Instant

    package init(
        loop: GenerationLoop, preparer: RequestPreparer, modelName: String, slots: Int, showsIDs: Bool
    ) {
        self.loop = loop
        self.preparer = preparer
        self.modelName = modelName
        self.slots = slots
        self.showsIDs = showsIDs
        origin = clock.now
    }

    /// Runs until the input has ended and every line is answered.
    /// - Throws: when input or output fails; never because of a line's content.
    package mutating func run(input: Int32 = 0, output: Int32 = 1) throws {
        var reader = LineReader(descriptor: input)
        let writer = LineWriter(descriptor: output)
        var hasEnded = false
        while !hasEnded || !loop.isIdle {
            reading: while !hasEnded, linesRead - nextToWrite < slots * Self.readAheadBatches {
                switch try reader.next(waits: loop.isIdle) {
                case .line(let bytes): if !LineFilter.isBlank(bytes) { take(bytes) }
                case .tooLong:
                    answers[linesRead] = LineFilter.tooLong
                    linesRead += 1
                case .notYet: break reading
                case .end: hasEnded = true
                }
                try writeAnswers(writer)
            }
            for outcome in loop.advance(now: origin.duration(to: clock.now)) { settle(outcome) }
            try writeAnswers(writer)
        }
    }

    private mutating func take(_ line: [UInt8]) {
        let number = linesRead
        linesRead += 1
        do {
            let request = try GenerationRequest(body: try JSONValue(parsing: line))
            // There is one model here: whatever name a body carries over from elsewhere, this one answers.
            let task = try preparer.prepare(
                request, job: JobID(Int64(number)), model: modelName, bucket: nil, seed: UInt64(number),
                waited: .zero)
            loop.submit(task, now: origin.duration(to: clock.now))
        } catch {
            answers[number] = LineFilter.errorLine(error)
        }
    }

    private mutating func settle(_ outcome: GenerationLoop.Outcome) {
        switch outcome {
        case .finished(let job, let result):
            answers[Int(job.rawValue)] = ChatCompletion.object(
                id: "chatcmpl-\(job)", created: 0, model: modelName, result: result, showsIDs: showsIDs)
        case .failed(let job, let error, _):
            answers[Int(job.rawValue)] = LineFilter.errorLine(error)
        }
    }

    private mutating func writeAnswers(_ writer: LineWriter) throws {
        while let answer = answers.removeValue(forKey: nextToWrite) {
            try writer.write(answer)
            nextToWrite += 1
        }
    }
}
