import ArgumentParser
import MoedDaemon
import MoedLocal
import MoedTools

/// Formats of weights, on the command line.
struct FormatOptions: ParsableArguments {
    @Option(help: "Format of the experts: bf16 (as stored), int8 or int4. Default: the pack's, or bf16.")
    var experts: String?

    @Option(
        help: """
            Format of all other matrices but the routers: bf16, int8 or int4 (embeddings stay int8). Default: the \
            pack's, or bf16.
            """)
    var dense: String?

    @Option(help: "Inputs that share a scale in int8 and int4: 32, 64 or 128; --dense int4/32 has its own.")
    var group = FormatChoice.groupDefault

    func validate() throws {
        try Self.check("--experts", experts, FormatChoice.words)
        try Self.check("--dense", dense, FormatChoice.words)
        try Self.check("--group", "\(group)", FormatChoice.groupWords)
    }

    private static func check(_ option: String, _ word: String?, _ words: [String]) throws {
        guard let word, !words.contains(word) else { return }
        throw ValidationError("\(option) must be one of \(words.joined(separator: ", ")), not “\(word)”")
    }
}

struct PackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack",
        abstract: "Make a pack of a checkpoint: quantised, and as fast to load as to read.",
        discussion: """
            Reads CHECKPOINT, a Hugging Face directory, and writes the directory PACK, which every command and
            model.path take in its place:
              manifest.json   formats, and place and digest of every blob
              dense.bin       embeddings, attention, routers, norms
              experts.bin     the experts, gate, up and down of each in one blob
              config.json, tokenizer.json, …   as they are

            bf16 leaves weights as they are stored; int8 and int4 look for the scale of each group of weights with
            the smallest error. Only a few tensors are in memory at a time. PACK appears when it is complete: what
            is left of an interrupted run (PACK.partial-…) is removed by the next one.

            Good choices: --experts int8 --dense int8 --group 32 for quality; --experts int4 --dense int8 for the
            smallest loss at half the size; --experts int4 --dense int4/32 for one or few sequences at a time.
            """)

    @Argument(help: "Hugging Face checkpoint directory.")
    var checkpoint: String

    @Argument(help: "Directory to make; it must not exist yet.")
    var pack: String

    @OptionGroup var formats: FormatOptions

    @Flag(help: "Print the relative RMS error of the packed weights by class of tensor.")
    var report = false

    @Option(help: "Threads; 0 is one per physical core.")
    var threads = 0

    func validate() throws {
        guard formats.experts != nil else {
            throw ValidationError("--experts bf16, int8 or int4 must be given")
        }
        guard formats.dense != nil else { throw ValidationError("--dense bf16, int8 or int4 must be given") }
        guard (0...1024).contains(threads) else { throw ValidationError("--threads must be in 0…1024") }
    }

    func run() async throws {
        try await CommandExit.translate {
            try Packing.pack(
                checkpoint: checkpoint, to: pack,
                formats: FormatChoice(
                    experts: formats.experts ?? "bf16", dense: formats.dense ?? "bf16", group: formats.group),
                threads: threads, showsReport: report)
        }
    }
}

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Architecture, formats, sizes and per-token costs of a model directory.")

    @Argument(help: "Directory of a Hugging Face checkpoint or of a pack.")
    var directory: String

    @Flag(help: "Read all of a pack and compare it with its digests.")
    var verify = false

    func run() async throws {
        try await CommandExit.translate { try Packing.inspect(directory: directory, verifies: verify) }
    }
}
