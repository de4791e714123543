package import MoedCore

/// The chat template of a checkpoint: Jinja source that turns messages into the text a model reads.
///
/// Rendering equals Hugging Face transformers' (`ImmutableSandboxedEnvironment`, `trim_blocks`, `lstrip_blocks`):
/// a checkpoint is trained on what that prints, down to the byte.
package struct ChatTemplate: Sendable {
    /// Longest source that is parsed; Qwen's have 4 kB.
    private static let sourceBytesMax = 1 << 20

    private let program: JinjaProgram
    private let file: String
    private let constants: JSONObject

    /// Parses a template.
    ///
    /// - Parameters:
    ///   - file: Name used in errors.
    ///   - constants: Variables of every rendering, such as `eos_token`.
    /// - Throws: ``TextError`` naming the line when the source is no template or uses what is not supported.
    package init(source: String, file: String, constants: JSONObject = JSONObject()) throws(TextError) {
        guard source.utf8.count <= Self.sourceBytesMax else {
            throw TextError(
                .limitExceeded, file: file, "the template has more than \(Self.sourceBytesMax) bytes")
        }
        program = try JinjaParser.program(of: source, file: file)
        self.file = file
        self.constants = constants
    }

    /// Renders a conversation.
    ///
    /// - Parameters:
    ///   - messages: Chat messages in OpenAI's shape. Their keys' order counts where a template prints objects.
    ///   - tools: Tool definitions; nil is the template's `none`.
    ///   - variables: Whatever else the template may ask for: `add_generation_prompt` (false when absent),
    ///     `enable_thinking`, a request's `chat_template_kwargs`. They win over everything of the same name. Names
    ///     that are absent are undefined in the template.
    ///   - limits: Rendering ends with an error beyond them.
    /// - Throws: ``TextError`` with the line at which the template failed, refused the messages
    ///   (`raise_exception`) or went beyond a limit.
    package func render(
        messages: JSONValue, tools: JSONValue?, variables: JSONObject,
        limits: TemplateLimits = TemplateLimits()
    ) throws(TextError) -> String {
        var all: [String: JinjaValue] = ["add_generation_prompt": .bool(false), "documents": .none]
        for member in constants.members { all[member.key] = JinjaValue(member.value) }
        all["messages"] = JinjaValue(messages)
        all["tools"] = JinjaValue(tools ?? .null)
        for member in variables.members { all[member.key] = JinjaValue(member.value) }
        let interpreter = JinjaInterpreter(program: program, file: file, variables: all, limits: limits)
        return try interpreter.run()
    }
}
