import MoedCore

/// The body of `POST /v1/completions`: prompts without a chat template, a job for each.
struct CompletionRequest: Sendable, Equatable {
    var bodies: [String]
    var stream: StreamOptions

    private static let promptsMax = 64
    private static let logprobsMax = 20

    init(_ bytes: [UInt8]) throws(APIError) {
        var body = try RequestBody.object(bytes)
        stream = try StreamOptions(takenFrom: &body)
        let prompts = try Self.prompts(body["prompt"] ?? .null)
        body["prompt"] = nil
        for name in ["messages", "prompt_ids", "prompt_text"] where body[name] != nil {
            throw .invalid(
                "\(name) is no parameter of /v1/completions: use prompt", param: name, code: "unknown_parameter")
        }
        if let suffix = body["suffix"], suffix != .null {
            throw .invalid(
                "suffix is not supported: the models write forward only", param: "suffix",
                code: "unsupported_parameter")
        }
        body["suffix"] = nil
        switch body["logprobs"] ?? .null {
        case .null: break
        case let value:
            guard let count = value.integer, (0...Self.logprobsMax).contains(count) else {
                throw .invalid("logprobs must be a whole number in 0…\(Self.logprobsMax)", param: "logprobs")
            }
            body["logprobs"] = true
            body["top_logprobs"] = .integer(Int64(count))
        }
        let common = body
        bodies = prompts.map { name, prompt in
            var body = common
            body[name] = prompt
            return JSONValue.object(body).serialized()
        }
    }

    /// The member of the queue's body and its value, for each prompt.
    private static func prompts(_ value: JSONValue) throws(APIError) -> [(String, JSONValue)] {
        let list: [JSONValue]
        switch value {
        case .string: list = [value]
        case .array(let elements): list = elements.first?.integer != nil ? [value] : elements
        case .null: throw .invalid("prompt is missing", param: "prompt", code: "missing_required_parameter")
        default: list = [value]
        }
        guard (1...promptsMax).contains(list.count) else {
            throw .invalid("prompt has 1 to \(promptsMax) prompts, not \(list.count)", param: "prompt")
        }
        var prompts: [(String, JSONValue)] = []
        for prompt in list {
            switch prompt {
            case .string(let text) where !text.isEmpty: prompts.append(("prompt_text", prompt))
            case .array(let ids) where !ids.isEmpty && ids.allSatisfy { $0.integer != nil }:
                prompts.append(("prompt_ids", prompt))
            default:
                throw .invalid(
                    "prompt must be a text, a list of token ids, or a list of either, and none of them empty",
                    param: "prompt")
            }
        }
        return prompts
    }
}
