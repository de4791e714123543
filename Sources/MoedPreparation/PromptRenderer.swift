import MoedCore
import MoedText

/// Turns chat messages into the token ids of a prompt.
struct PromptRenderer {
    let text: TextSide
    let controlTokens: ControlTokens
    let template: TemplateLimits
    let encoding: EncodingLimits

    /// - Throws: `RequestError` when the template refuses the messages or leaves one out of the prompt.
    ///
    /// - Parameters:
    ///   - tools: definitions of tools, for the template.
    ///   - continuesLast: true ends the prompt with the text of the last message.
    func tokens(
        _ messages: [JSONValue], tools: [JSONValue] = [], variables: JSONObject, continuesLast: Bool = false
    ) throws(RequestError) -> [TokenID] {
        guard let template = text.template else {
            throw RequestError(
                .unsupported, param: "messages", "the checkpoint has no chat template: use prompt_ids")
        }
        var marked: MarkedMessages?
        if controlTokens == .text { marked = try MarkedMessages(messages, tools: tools, tokenizer: text.tokenizer) }
        let shownTools = marked?.tools ?? tools
        var prompt: String
        let start = self.template.clock()
        do throws(TextError) {
            prompt = try template.render(
                messages: .array(marked?.messages ?? messages), tools: shownTools.isEmpty ? nil : .array(shownTools),
                variables: variables, limits: self.template)
        } catch {
            // The message names the place, not the file: the job's owner must not see paths of this host.
            let place = error.place.map { "\($0): " } ?? ""
            throw RequestError(
                .templateFailed, param: "messages",
                "the chat template refuses the messages: \(place)\(error.reason)")
        }
        var rest = self.template
        rest.time -= rest.clock() - start
        try checkAllArePrinted(messages, tools, in: prompt, template, variables, limits: rest)
        if continuesLast { prompt = try Self.cut(prompt, after: (marked?.messages ?? messages).last) }
        return try checked(try ids(of: prompt, mark: marked?.mark))
    }

    /// Token ids of a prompt that is text, without a template.
    func tokens(of prompt: String) throws(RequestError) -> [TokenID] {
        try checked(try ids(of: prompt, mark: nil, field: "prompt_text"), field: "prompt_text")
    }

    /// The prompt up to the end of the last message's text. A template may trim that text and take a thought out of it.
    private static func cut(_ prompt: String, after message: JSONValue?) throws(RequestError) -> String {
        let text = message?["content"]?.string ?? ""
        let bytes = Array(prompt.utf8)
        let answer = text.part(behindLast: ThinkTags.close) ?? text
        for part in [text, answer] {
            for wanted in [part, part.trimmed] where !wanted.isEmpty {
                guard let end = ByteSearch.lastEnd(of: Array(wanted.utf8), in: bytes[...]) else { continue }
                return String(decoding: bytes[..<end], as: UTF8.self)
            }
        }
        throw RequestError(
            .templateFailed, param: "continue_final_message",
            "the chat template changes the last message: its text cannot be continued")
    }

    private func ids(
        of prompt: String, mark: Unicode.Scalar?, field: String = "messages"
    ) throws(RequestError) -> [TokenID] {
        do throws(EncodingEnd) {
            return try text.tokenizer.encode(prompt, mark: mark, limits: encoding)
        } catch {
            switch error {
            case .tooManyTokens:
                throw RequestError(
                    .contextLengthExceeded, param: field,
                    "the prompt has more than \(encoding.tokensMax) tokens, the model's context is "
                        + "\(encoding.tokensMax)")
            case .notWanted:
                throw RequestError(.templateFailed, param: field, "the preparation was stopped")
            }
        }
    }

    /// Renders the messages again with numbers as contents, and looks for the numbers.
    private func checkAllArePrinted(
        _ messages: [JSONValue], _ tools: [JSONValue], in prompt: String, _ template: ChatTemplate,
        _ variables: JSONObject, limits: TemplateLimits
    ) throws(RequestError) {
        let probe = MessageProbe(messages)
        let missing: [String]
        var searched = prompt
        do throws(TextError) {
            // In this text the names of tools come from their definitions only.
            searched = try template.render(
                messages: .array(probe.messages), tools: tools.isEmpty ? nil : .array(tools), variables: variables,
                limits: limits)
            missing = probe.missing(in: searched)
        } catch {
            // The template demands certain contents, or too little of its time is left: the prompt itself is searched.
            missing = PromptSearch.firstMissing(messages, in: prompt).map { ["messages[\($0)].content"] } ?? []
        }
        if let name = missing.first {
            throw RequestError(
                .templateFailed, param: name, "the chat template leaves \(name) out of the prompt")
        }
        if let index = PromptSearch.firstMissing(tools: tools, in: searched) {
            throw RequestError(
                .templateFailed, param: "tools[\(index)]",
                "the chat template leaves tools[\(index)] out of the prompt: the model may not know tools")
        }
    }

    private func checked(_ ids: [TokenID], field: String = "messages") throws(RequestError) -> [TokenID] {
        guard !ids.isEmpty else {
            throw RequestError(.invalidValue, param: field, "the prompt is empty")
        }
        if let bad = ids.first(where: { Int($0) >= text.vocabularySize }) {
            throw RequestError(
                .invalidValue, param: field,
                "token id \(bad) of the prompt is not in the model's vocabulary of \(text.vocabularySize)")
        }
        return ids
    }
}
