import MoedAdapters
import MoedCore
import MoedEngine
import MoedHost
package import MoedLocal
import MoedPreparation
import MoedText
import MoedPacks
import MoedWeights

/// A checkpoint to be packed, and how.
package struct PackingOptions: Sendable {
    package var checkpoint: String
    package var pack: String
    package var formats = FormatChoice.auto
    /// Directories of adapters to merge.
    package var adapters: [String] = []
    /// 0 is one for each physical core.
    package var threads = 0
    /// Text that losses are measured on; nil reports none.
    package var report: ReportText?
    /// Most time to wait for files of a download; nil does not wait.
    package var waiting: Duration?

    package init(checkpoint: String, pack: String) {
        self.checkpoint = checkpoint
        self.pack = pack
    }
}

/// `moed pack` and `moed inspect`.
package enum Packing {
    /// - Throws: `EngineError` or `TextError` naming file, tensor or field, and reason; `Interrupted` after Ctrl-C.
    package static func pack(_ options: PackingOptions) async throws {
        Host.ignoreBrokenPipes()
        let interruption = Interruption()
        // An interrupted packer removes what it has written.
        let lines = try await StopSignals.watch {
            if let time = options.waiting { try await FileWait(path: options.checkpoint, most: time).run() }
            return try await withTaskCancellationHandler {
                try await onOwnThread { try pack(options, interruption) }
            } onCancel: {
                interruption.request()
            }
        }
        for line in lines { print(line) }
    }

    /// - Returns: the lines to print.
    private static func pack(_ options: PackingOptions, _ interruption: Interruption) throws -> [String] {
        let source = try ModelDirectory.open(options.checkpoint)
        guard case .checkpoint(let checkpoint) = source else {
            throw ConfigurationProblem(
                "\(options.checkpoint) is a pack already; packs are made of Hugging Face directories and GGUF files")
        }
        // Checks tokenizer, template and text before packing: packing may take an hour.
        let tokenizer = try TextSide(directory: options.checkpoint).tokenizer
        let pieces = try options.report?.pieces(tokenizer)
        let adapters = try options.adapters.map { try Adapter.open($0, for: checkpoint.configuration) }
        let (experts, dense) = options.formats.formats(of: source)
        let threads = options.threads > 0 ? options.threads : Host.physicalCores
        let packer = try Packer(
            checkpoint,
            Packer.Options(
                experts: experts, dense: dense, threads: threads, measuresErrors: pieces != nil,
                tool: "moed \(Version.text)"), adapters: adapters)
        var meter = WorkMeter("packing", isTerminal: Host.isTerminal(2))
        let report = try packer.pack(to: options.pack, interruption: interruption) { meter.show(done: $0, of: $1) }
        for remark in checkpoint.configuration.remarks + [checkpoint.unusedTensors].compactMap({ $0 }) {
            Host.printError("note: \(remark)")
        }
        let from = checkpoint.byteCount
        let lines = [
            "\(options.pack): \(HumanText.bytes(report.byteCount)) from \(HumanText.bytes(from)) in "
                + "\(meter.elapsedText), \(meter.rateText(from))"
        ]
        guard let pieces else { return lines }
        let losses = try LossReport(
            pack: LossMeasure.Formats(experts: experts, dense: dense),
            group: dense.quantGroup ?? experts.quantGroup ?? FormatChoice.groupDefault
        ).lines(
            checkpoint, adapters, pieces, vocabulary: tokenizer.vocabularySize, threads: threads,
            interruption: interruption)
        return lines + reportLines(report) + [""] + losses
    }

    /// Runs long work on a thread of its own, so that signals are handled meanwhile.
    private static func onOwnThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let body: @Sendable () -> Void = { continuation.resume(with: Result { try work() }) }
            do { try HostThread(name: "moed-pack", body).detach() } catch { body() }
        }
    }

    private static func reportLines(_ report: PackReport) -> [String] {
        let rows = report.classes.map { row in
            [
                row.total.name, "\(row.total.format)", "\(row.tensors)", HumanText.count(row.total.weights),
                row.total.format.isExact ? "exact" : percent(row.total.relativeError),
                row.total.format.isExact
                    ? "" : "\(percent(row.worst.relativeError))  \(row.worst.name)",
            ]
        }
        let table = [["class", "format", "tensors", "weights", "RMS error", "worst"]] + rows
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            var line = ""
            for (text, width) in zip(row, widths) {
                line += text + String(repeating: " ", count: width - text.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// 0.01234 → "1.234 %".
    private static func percent(_ ratio: Double) -> String {
        "\(HumanText.rounded(ratio * 100, digits: 3)) %"
    }

    package static func inspect(directory path: String, verifies: Bool) throws {
        Host.ignoreBrokenPipes()
        let opened: OpenedModel
        do { opened = try OpenedModel.open(ModelOptions(directory: path)) } catch {
            // `run` would not start with it.
            throw ConfigurationProblem("\(error)")
        }
        let (directory, text) = (opened.source, opened.text)
        var rows =
            InspectText(directory).rows + [
                ("tokenizer", "\(text.tokenizer.vocabularySize) tokens"), ("end tokens", text.endTokensText),
                ("thinking", text.kind.rawValue),
            ] + opened.remarks.map { ("note", $0) }
        rows += try Outlook.rows(opened)
        if verifies {
            guard case .pack(let pack) = directory else {
                throw ConfigurationProblem("\(path) is no pack: a checkpoint has no digests to compare with")
            }
            var meter = WorkMeter("verifying", isTerminal: Host.isTerminal(2))
            try pack.verify(threads: Host.physicalCores) { meter.show(done: $0, of: $1) }
            rows.append(("verified", "every byte, in \(meter.elapsedText)"))
        }
        for (label, value) in rows {
            print(label + String(repeating: " ", count: max(1, 18 - label.count)) + value)
        }
    }
}
