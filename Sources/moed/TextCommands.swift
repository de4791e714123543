import ArgumentParser
import MoedDaemon
import MoedTools

/// The option that names a model directory.
struct ModelDirectory: ParsableArguments {
    @Option(help: "Hugging Face directory, GGUF file or pack.")
    var model: String
}

struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: #"Turn {"text"} into {"ids"}, a JSON line each."#,
        discussion: """
            Needs only tokenizer.json of the model directory.

            Example:
              echo '{"text": "Hello"}' | moed tokenize --model DIR | moed detokenize --model DIR
            """)

    @OptionGroup var directory: ModelDirectory

    @Flag(help: "Treat added tokens such as <|im_end|> as ordinary text.")
    var plain = false

    func run() async throws {
        try await CommandExit.translate { try Filters.tokenize(directory: directory.model, plain: plain) }
    }
}

struct DetokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detokenize",
        abstract: #"Turn {"ids"} into {"text"}, a JSON line each."#,
        discussion: """
            Needs only tokenizer.json of the model directory.

            Example:
              echo '{"ids": [9707, 151645]}' | moed detokenize --model DIR --skip-special
            """)

    @OptionGroup var directory: ModelDirectory

    @Flag(help: "Omit special tokens.")
    var skipSpecial = false

    func run() async throws {
        try await CommandExit.translate { try Filters.detokenize(directory: directory.model, skipSpecial: skipSpecial) }
    }
}

struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: #"Render the chat template: {"messages", "tools", "kwargs"} into {"text"} or {"error"}."#,
        discussion: """
            The template is the checkpoint's own. The members of "kwargs" are variables of the template, such as \
            {"add_generation_prompt": true, "enable_thinking": false}.

            Example:
              echo '{"messages": [{"role": "user", "content": "Hi"}]}' | moed template --model DIR
            """)

    @OptionGroup var directory: ModelDirectory

    func run() async throws {
        try await CommandExit.translate { try Filters.template(directory: directory.model) }
    }
}
