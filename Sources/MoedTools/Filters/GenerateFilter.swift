package import MoedBatching
import MoedCore
import MoedLocal
package import MoedPreparation

/// `moed generate`: chat-completion bodies in, chat-completion objects out, in the order of the input.
///
/// The filter reads only a few batches ahead, so an endless input runs in bounded memory.
package struct GenerateFilter {
    /// Read-ahead in batches: enough lines for the planner to form job classes.
    private static let readAheadBatches = 4

    private let preparer: RequestPreparer
    private let models: ModelNames
    private let showsIDs: Bool
    private let sequences: Int
    private var loop: GenerationLoop
    /// Answers that wait for the answer of an earlier line, by line number.
    private var answers: [Int: JSONValue] = [:]
    private var nextToWrite = 0
    private var linesRead = 0
    /// Number in the input, blank lines included, of each line that is not answered yet.
    private var places: [Int: Int] = [:]
    /// Model of each line that runs.
    private var modelOf: [Int: String] = [:]
    private var inputLines = 0
    private let clock = ContinuousClock()
    private let origin: ContinuousClock.Instant

    package init(
        loop: GenerationLoop, preparer: RequestPreparer, models: ModelNames, sequences: Int, showsIDs: Bool
    ) {
        self.loop = loop
        self.preparer = preparer
        self.models = models
        self.sequences = sequences
        self.showsIDs = showsIDs
        origin = clock.now
    }

    /// Runs until the input ends and every line is answered.
    ///
    /// - Throws: when input or output fails; never because of a line's content.
    package mutating func run(input: Int32 = 0, output: Int32 = 1) throws {
        var reader = LineReader(descriptor: input)
        let writer = LineWriter(descriptor: output)
        var hasEnded = false
        while !hasEnded || !loop.isIdle {
            reading: while !hasEnded, linesRead - nextToWrite < sequences * Self.readAheadBatches {
                switch try reader.next(waits: loop.isIdle) {
                case .line(let bytes):
                    inputLines += 1
                    if !LineFilter.isBlank(bytes) { take(bytes) }
                case .tooLong:
                    inputLines += 1
                    answers[linesRead] = LineFilter.errorLine(LineFilter.tooLong, inputLines)
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
        places[number] = inputLines
        do {
            let request = try GenerationRequest(body: try JSONValue(parsing: line))
            let model = models.name(for: request.model)
            let task = try preparer.prepare(
                request, job: JobID(Int64(number)), model: model, bucket: nil, seed: UInt64(number),
                waited: .zero)
            modelOf[number] = model
            loop.submit(task, now: origin.duration(to: clock.now))
        } catch {
            answers[number] = LineFilter.errorLine(error, inputLines)
        }
    }

    private mutating func settle(_ outcome: GenerationLoop.Outcome) {
        switch outcome {
        case .finished(let job, let result):
            answers[Int(job.rawValue)] = ChatCompletion.object(
                id: "chatcmpl-\(job)", created: 0, model: modelOf[Int(job.rawValue)] ?? models.base, result: result,
                showsIDs: showsIDs)
        case .failed(let job, let error, _):
            let number = Int(job.rawValue)
            answers[number] = LineFilter.errorLine(error, places[number] ?? 0)
        }
    }

    private mutating func writeAnswers(_ writer: LineWriter) throws {
        while let answer = answers.removeValue(forKey: nextToWrite) {
            try writer.write(answer)
            places[nextToWrite] = nil
            modelOf[nextToWrite] = nil
            nextToWrite += 1
        }
    }
}
