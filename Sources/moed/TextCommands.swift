import ArgumentParser
import MoedDaemon

struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: #"{"text"} → {"ids"}, a JSON line each."#)

    @Option(help: "Directory of a Hugging Face checkpoint or of a pack.")
    var model: String

    @Flag(help: "Take added tokens such as <|im_end|> as ordinary text.")
    var plain = false

    func run() async throws {
        try await CommandExit.translate { try Filters.tokenize(directory: model, plain: plain) }
    }
}

struct DetokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detokenize", abstract: #"{"ids"} → {"text"}, a JSON line each."#)

    @Option(help: "Directory of a Hugging Face checkpoint or of a pack.")
    var model: String

    @Flag(help: "Leave out special tokens.")
    var skipSpecial = false

    func run() async throws {
        try await CommandExit.translate { try Filters.detokenize(directory: model, skipSpecial: skipSpecial) }
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

    @Option(help: "Directory of a Hugging Face checkpoint or of a pack.")
    var model: String

    func run() async throws {
        try await CommandExit.translate { try Filters.template(directory: model) }
    }
}
