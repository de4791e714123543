import MoedAdapters
import MoedCore
import MoedEngine
import MoedHost
package import MoedLocal
import MoedPreparation
import MoedText
import MoedPacks
import MoedWeights

/// `moed pack` and `moed inspect`.
package enum Packing {
    /// - Throws: `EngineError` or `TextError` naming file, tensor or field, and reason; `Interrupted` after Ctrl-C.
    package static func pack(
        checkpoint directory: String, to path: String, formats: FormatChoice, adapters paths: [String] = [],
        threads: Int, showsReport: Bool
    ) async throws {
        Host.ignoreBrokenPipes()
        let source = try ModelDirectory.open(directory)
        guard case .checkpoint(let checkpoint) = source else {
            throw ConfigurationProblem(
                "\(directory) is a pack already; packs are made of Hugging Face directories and GGUF files")
        }
        // Checks tokenizer and template before packing: packing may take an hour, and a pack without them is useless.
        _ = try TextSide(directory: directory)
        let adapters = try paths.map { try Adapter.open($0, for: checkpoint.configuration) }
        let (experts, dense) = formats.formats(of: source)
        let options = Packer.Options(
            experts: experts, dense: dense,
            threads: threads > 0 ? threads : Host.physicalCores, measuresErrors: showsReport,
            tool: "moed \(Version.text)")
        let interruption = Interruption()
        // An interrupted packer removes what it has written.
        let (report, time) = try await StopSignals.watch {
            try await withTaskCancellationHandler {
                try await onOwnThread {
                    var meter = WorkMeter("packing", isTerminal: Host.isTerminal(2))
                    let packer = try Packer(checkpoint, options, adapters: adapters)
                    let report = try packer.pack(to: path, interruption: interruption) {
                        meter.show(done: $0, of: $1)
                    }
                    return (report, meter.elapsedText)
                }
            } onCancel: {
                interruption.request()
            }
        }
        for remark in checkpoint.configuration.remarks + [checkpoint.unusedTensors].compactMap({ $0 }) {
            Host.printError("note: \(remark)")
        }
        let from = HumanText.bytes(checkpoint.byteCount)
        print("\(path): \(HumanText.bytes(report.byteCount)) from \(from) in \(time)")
        if showsReport { for line in reportLines(report) { print(line) } }
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
