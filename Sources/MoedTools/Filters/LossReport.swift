import MoedAdapters
import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedText
import MoedWeights

/// The text of `moed pack --report`.
package enum ReportText: Sendable, Equatable {
    case builtIn
    /// A UTF-8 text file.
    case file(String)

    /// Tokens that are predicted at most, and tokens of a piece: each piece is predicted from its own beginning.
    private static let tokensMax = 4096
    static let pieceTokens = 512
    private static let byteCountMax = 1 << 30

    /// The pieces as tokens.
    ///
    /// - Throws: `ConfigurationProblem` for a file without text; `WholeFile.Failure`.
    func pieces(_ tokenizer: Tokenizer) throws -> [[TokenID]] {
        let text: String
        switch self {
        case .builtIn: text = BuiltInText.text
        case .file(let path):
            // Four times as many bytes as tokens are enough for any text.
            let bytes = try WholeFile.read(path, bytesMax: Self.byteCountMax)
            text = String(decoding: bytes.prefix(Self.tokensMax * 32), as: UTF8.self)
            guard !text.isEmpty else { throw ConfigurationProblem("\(path) is empty: there is no text to predict") }
        }
        let tokens = Array(tokenizer.encode(text).prefix(Self.tokensMax))
        return stride(from: 0, to: tokens.count, by: Self.pieceTokens).map {
            Array(tokens[$0..<min($0 + Self.pieceTokens, tokens.count)])
        }
    }
}

/// Part of `moed pack --report`: a pack's formats beside others, each against the unquantised weights.
struct LossReport {
    private let rows: [(name: String, formats: LossMeasure.Formats)]

    /// - Parameters:
    ///   - pack: formats of the pack.
    ///   - group: quant group of the other formats.
    init(pack: LossMeasure.Formats, group: Int) {
        let others = [WeightFormat.int8(group: group), .int4(group: group), .keep].map {
            (name: "\($0)", formats: LossMeasure.Formats(experts: $0, dense: $0))
        }
        let own = "this pack: " + (pack.experts == pack.dense ? "\(pack.dense)" : "\(pack.experts), \(pack.dense)")
        rows = [(own, pack)] + others.filter { $0.formats != pack }
    }

    /// - Throws: as `LossMeasure.losses`.
    func lines(
        _ checkpoint: Checkpoint, _ adapters: [Adapter], _ pieces: [[TokenID]], vocabulary: Int, threads: Int,
        interruption: Interruption
    ) throws -> [String] {
        var meter = WorkMeter("measuring", isTerminal: Host.isTerminal(2))
        let measure = try LossMeasure(checkpoint, adapters: adapters, texts: pieces, vocabulary: vocabulary)
        let losses = try measure.losses(
            in: rows.map(\.formats), threads: threads, interruption: interruption
        ) { meter.show(done: $0, of: $1) }
        let tokens = pieces.reduce(0) { $0 + $1.count }
        return Self.table(zip(rows.map(\.name), losses).map { ($0, $1) }) + [
            "against \(checkpoint.exactFormatText), on \(tokens) tokens; measured in \(meter.elapsedText)"
        ]
    }

    static func table(_ rows: [(name: String, loss: LossMeasure.Loss)]) -> [String] {
        var table = TextTable(
            header: ["experts, other matrices", "size", "RMS error", "KL divergence", "same best token"])
        for (name, loss) in rows {
            table.add([
                name, HumanText.bytes(loss.byteCount),
                "\(HumanText.rounded(loss.relativeError * 100, digits: 3)) %",
                // Less than a millionth is noise of the last bits.
                loss.divergence.isFinite ? Self.digits(loss.divergence) : "–",
                "\(HumanText.rounded(loss.sameBest * 100, digits: 2)) %",
            ])
        }
        return table.lines
    }

    /// Six digits after the point, zeros included.
    private static func digits(_ value: Double) -> String {
        let millionths = Int((min(abs(value), 1e9) * 1e6).rounded())
        let text = "\(millionths % 1_000_000)"
        let sign = value < 0 && millionths > 0 ? "-" : ""
        return "\(sign)\(millionths / 1_000_000)." + String(repeating: "0", count: 6 - text.count) + text
    }
}

extension Checkpoint {
    /// Name of the unquantised weights.
    fileprivate var exactFormatText: String {
        isQuantised ? "the checkpoint's weights in f32" : "the checkpoint's weights as stored"
    }
}
