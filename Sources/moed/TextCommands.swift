import ArgumentParser
import MoedDaemon
import MoedTools

/// Where a model lies.
struct ModelDirectory: ParsableArguments {
    @Option(help: "Directory of a Hugging Face checkpoint or of a pack.")
    var model: String
}

struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: #"{"text"} → {"ids"}, a JSON line each."#)

    @OptionGroup var directory: ModelDirectory

    @Flag(help: "Take added tokens such as <|im_end|> as ordinary text.")
    var plain = false

    func run() async throws {
        try await CommandExit.translate { try Filters.tokenize(directory: directory.model, plain: plain) }
    }
}

struct DetokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detokenize", abstract: #"{"ids"} → {"text"}, a JSON line each."#)

    @OptionGroup var directory: ModelDirectory

    @Flag(help: "Leave out special tokens.")
    var skipSpecial = false

    func run() async throws {
        try await CommandExit.translate { try Filters.detokenize(directory: directory.model, skipSpecial: skipSpecial) }
    }
}

struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: #"{"messages", "tools", "kwargs"} → {"text"} or {"error"}, a JSON line each."#,
        discussion: """
            Renders the checkpoint's own chat template. The members of "kwargs" are variables of the template, e.g. \
            {"add_generation_prompt": true, "enable_thinking": false}.
            """)

    @OptionGroup var directory: ModelDirectory

    func run() async throws {
        try await CommandExit.translate { try Filters.template(directory: directory.model) }
    }
}
