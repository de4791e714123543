package import MoedCore

/// A checkpoint's chat template: Jinja source that renders messages to prompt text.
///
/// Rendering equals Hugging Face transformers' (`ImmutableSandboxedEnvironment`, `trim_blocks`, `lstrip_blocks`)
/// byte by byte, because checkpoints are trained on that output.
package struct ChatTemplate: Sendable {
    /// Maximum size of the source in bytes; Qwen's templates have 4 kB.
    private static let sourceBytesMax = 1 << 20

    /// CPU time of the calling thread.
    package static var threadTime: @Sendable () -> Duration { ThreadTime.now }

    private let program: JinjaProgram
    private let file: String
    private let constants: JSONObject

    /// Parses a template.
    ///
    /// - Parameters:
    ///   - file: Name of the template in errors.
    ///   - constants: Variables of every rendering, such as `eos_token`.
    /// - Throws: ``TextError`` naming the line when the source is no template or uses an unsupported feature.
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
    ///   - messages: Chat messages in OpenAI's format. The order of their keys matters when a template prints objects.
    ///   - tools: Tool definitions; nil is the template's `none`.
    ///   - variables: Further variables: `add_generation_prompt` (false when absent), `enable_thinking`, a request's
    ///     `chat_template_kwargs`. They override all other variables of the same name. Absent names are undefined in
    ///     the template.
    ///   - clock: Time since any fixed point; rendering stops after about two seconds of it. The default is the
    ///     CPU time of the calling thread.
    /// - Throws: ``TextError`` with the line at which the template failed, refused the messages
    ///   (`raise_exception`) or exceeded a limit.
    package func render(
        messages: JSONValue, tools: JSONValue?, variables: JSONObject,
        clock: @escaping @Sendable () -> Duration = ChatTemplate.threadTime
    ) throws(TextError) -> String {
        var all: [String: JinjaValue] = ["add_generation_prompt": .bool(false), "documents": .none]
        for member in constants.members { all[member.key] = JinjaValue(member.value) }
        all["messages"] = JinjaValue(messages)
        all["tools"] = JinjaValue(tools ?? .null)
        for member in variables.members { all[member.key] = JinjaValue(member.value) }
        let interpreter = JinjaInterpreter(program: program, file: file, variables: all, clock: clock)
        return try interpreter.run()
    }
}
