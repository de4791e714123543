package import MoedCore

/// Token counts in a response, as far as the server tells them.
package struct ReportedUsage: Sendable, Equatable {
    package var prompt: Int?
    package var completion: Int?
    package var cached: Int?
    package var reasoning: Int?
    /// Cost of the request, as decimal text.
    package var cost: String?

    package init(prompt: Int? = nil, completion: Int? = nil, cached: Int? = nil, reasoning: Int? = nil) {
        self.prompt = prompt
        self.completion = completion
        self.cached = cached
        self.reasoning = reasoning
    }

    /// Reads OpenAI's `usage`; nil when the value is no object. Counts that are negative or no integers are left out.
    package init?(_ value: JSONValue?) {
        guard let value, value.object != nil else { return nil }
        func count(_ value: JSONValue?) -> Int? {
            value?.integer.flatMap { (0...Int(Int32.max)).contains($0) ? $0 : nil }
        }
        prompt = count(value["prompt_tokens"])
        completion = count(value["completion_tokens"])
        cached = count(value["prompt_tokens_details"]?["cached_tokens"])
        reasoning = count(value["completion_tokens_details"]?["reasoning_tokens"])
        cost = Self.cost(value["cost"])
    }
}

extension ReportedUsage {
    private static let costMax = 1e9

    /// Text of a cost. The shortest text of a number is the one that the server wrote, up to 15 digits.
    static func cost(_ value: JSONValue?) -> String? {
        guard let value, let number = value.number, number >= 0, number < costMax else { return nil }
        return value.serialized()
    }
}

/// One event of a streamed completion or chat completion.
package enum StreamChunk: Sendable, Equatable {
    case part(Part)
    /// `[DONE]`. It proves nothing: engines send it after an error too.
    case done
    case error(ServerError)
    /// The data is no JSON object, or a member has a wrong type.
    case malformed(String)

    package struct Part: Sendable, Equatable {
        /// New tokens; nil when the event has none of the member.
        package var tokens: [TokenID]?
        /// Token ids of the prompt, in the first event.
        package var promptTokens: [TokenID]?
        /// New text of a completion, or of a chat's answer.
        package var text = ""
        /// New thinking text of a chat.
        package var reasoning = ""
        package var finishReason: String?
        package var usage: ReportedUsage?

        package init() {}
    }

    package init(_ data: [UInt8]) {
        if data.elementsEqual("[DONE]".utf8) {
            self = .done
            return
        }
        guard let value = try? JSONValue(parsing: data), value.object != nil else {
            self = .malformed("an event is no JSON object")
            return
        }
        if let error = ServerError(value) {
            self = .error(error)
            return
        }
        var part = Part()
        part.usage = ReportedUsage(value["usage"])
        part.promptTokens = Self.ids(value["prompt_token_ids"])
        guard let choices = value["choices"]?.array, choices.count <= 1 else {
            self = .malformed("an event has no choices, or several")
            return
        }
        if let choice = choices.first {
            guard (choice["index"]?.integer ?? 0) == 0 else {
                self = .malformed("an event is of a choice that was not asked for")
                return
            }
            part.tokens = Self.ids(choice["token_ids"])
            part.promptTokens = Self.ids(choice["prompt_token_ids"]) ?? part.promptTokens
            if let given = choice["token_ids"], given != .null, part.tokens == nil {
                self = .malformed("token_ids is no list of token ids")
                return
            }
            let delta = choice["delta"] ?? choice["message"]
            part.text = choice["text"]?.string ?? delta?["content"]?.string ?? ""
            part.reasoning = delta?["reasoning"]?.string ?? delta?["reasoning_content"]?.string ?? ""
            part.finishReason = choice["finish_reason"]?.string
        }
        self = .part(part)
    }

    private static func ids(_ value: JSONValue?) -> [TokenID]? {
        guard let array = value?.array else { return nil }
        var ids: [TokenID] = []
        ids.reserveCapacity(array.count)
        for element in array {
            guard let number = element.integer, let id = TokenID(exactly: number), id >= 0 else { return nil }
            ids.append(id)
        }
        return ids
    }
}
