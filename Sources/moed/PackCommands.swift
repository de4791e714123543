import ArgumentParser
import MoedDaemon
import MoedHost
import MoedLocal
import MoedTools

/// Options that choose the formats of weights.
struct FormatOptions: ParsableArguments {
    @Option(
        help: """
            Weight format of the experts: bf16 (as stored), int8, int4 or keep. Default: the pack's; for a checkpoint \
            bf16, for a quantised one keep.
            """)
    var experts: String?

    @Option(
        help: """
            Weight format of all other matrices except the routers: bf16, int8, int4 (embeddings stay \
            int8) or keep. Default: as for the experts.
            """)
    var dense: String?

    @Option(help: "Quant group, the inputs that share a scale: 32, 64 or 128. --dense int4/32 names its own.")
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

/// Options that name adapters.
struct AdapterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            LoRA adapter (PEFT) to run beside the model; may be given again. Its name is that of its directory, or \
            NAME=DIR gives one.
            """, valueName: "dir"))
    var adapter: [String] = []

    var options: [AdapterOption] { adapter.map { AdapterOption($0) } }
}

struct PackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack",
        abstract: "Make a pack of a checkpoint: quantised weights in the layout that the kernels read.",
        discussion: """
            Reads CHECKPOINT, a Hugging Face directory or a GGUF file, and writes the directory PACK. Every command \
            and model.path take a pack instead of a checkpoint. It holds:
              manifest.json   formats, and place and digest of every blob
              dense.bin       embeddings, attention, routers, norms
              experts.bin     the experts; gate, up and down of each in one blob
              config.json, tokenizer.json, …   copies

            bf16, the default, keeps weights as they are stored; those of a quantised checkpoint become f32. For such \
            a checkpoint keep is the default: codes, scales and zero points stay as they are where a kernel \
            multiplies them (4 or 8 bits, groups of 32, 64 or 128, scales of 16 bits; Q4_1, Q4_K), and the rest \
            becomes int8/32. int8 and int4 search the scale of each quant group for the smallest error. \
            Only a few tensors are in memory at a time. PACK appears when it is complete. \
            Ctrl-C removes what was written. The next run removes what a killed one left (PACK.partial-…).

            --report runs the text through all formats side by side, a layer at a time: memory for one layer, the \
            embedding and the output matrix is enough. It reads the checkpoint once for each format.

            --wait names the files that are missing or short, and begins when all of them are whole.

            Examples: best quality; half the size with the smallest loss; few sequences at a time:
              moed pack DIR PACK --experts int8 --dense int8 --group 32
              moed pack DIR PACK --experts int4 --dense int8
              moed pack DIR PACK --experts int4 --dense int4/32
            """)

    @Argument(help: "Hugging Face directory or GGUF file (of a split one the first).")
    var checkpoint: String

    @Argument(help: "Directory to create; it must not exist yet.")
    var pack: String

    @OptionGroup var formats: FormatOptions

    @Option(
        help: ArgumentHelp(
            "LoRA adapter (PEFT) to merge into the weights; may be given again. Merged bf16 matrices become f32.",
            valueName: "dir"))
    var adapter: [String] = []

    @Flag(
        help: """
            Print what is lost: errors by class of tensor; and for the pack's formats, int8, int4 and keep the error \
            of all weights and the mean KL divergence to the unquantised weights, on a text.
            """)
    var report = false

    @Option(
        help: ArgumentHelp(
            "Text for --report, UTF-8; its first 4,096 tokens count. Without it a built-in text of about 1,000.",
            valueName: "file"))
    var reportText: String?

    @Flag(help: "Wait for files of a download that is under way.")
    var wait = false

    @Option(help: ArgumentHelp("Most time to wait, such as 30m or 12h.", valueName: "time"))
    var waitLimit = "24h"

    @Option(help: "Threads; 0 is one for each physical core.")
    var threads = 0

    func validate() throws {
        guard (0...1024).contains(threads) else { throw ValidationError("--threads must be in 0…1024") }
        guard let time = Duration(setting: waitLimit), time > .zero else {
            throw ValidationError("--wait-limit must be a time such as 30m or 12h, not “\(waitLimit)”")
        }
    }

    func run() async throws {
        var options = PackingOptions(checkpoint: checkpoint, pack: pack)
        options.formats = FormatChoice(
            experts: formats.experts ?? "auto", dense: formats.dense ?? "auto", group: formats.group)
        options.adapters = adapter
        options.threads = threads
        options.report = reportText.map { .file($0) } ?? (report ? .builtIn : nil)
        options.waiting = wait ? Duration(setting: waitLimit) : nil
        let chosen = options
        try await CommandExit.translate { try await Packing.pack(chosen) }
    }
}

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Print architecture, formats, sizes and per-token costs of a model directory.",
        discussion: """
            Reads headers only, and measures the machine for about a second. The last lines are the size of a pack, \
            the memory that the model needs, and a forecast of tokens per second. --verify reads a whole pack and \
            compares each byte with its digest.

            Examples:
              moed inspect DIR
              moed inspect PACK --verify
            """)

    @Argument(help: "Hugging Face directory, GGUF file or pack.")
    var directory: String

    @Flag(help: "Read the whole pack and compare it with its digests.")
    var verify = false

    func run() async throws {
        try await CommandExit.translate { try Packing.inspect(directory: directory, verifies: verify) }
    }
}
