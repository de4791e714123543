/// A token of an answer with its log-probability, in the form that results show.
package struct TokenLogprob: Sendable, Equatable {
    package struct Alternative: Sendable, Equatable {
        package var id: TokenID
        /// Text of the token; the bytes of one token may be part of a character.
        package var bytes: [UInt8]
        package var logprob: Double

        package init(id: TokenID, bytes: [UInt8], logprob: Double) {
            self.id = id
            self.bytes = bytes
            self.logprob = logprob
        }
    }

    package var token: Alternative
    /// 1 for the most probable token.
    package var rank: Int
    package var top: [Alternative]

    package init(_ report: TokenReport, bytes: (TokenID) -> [UInt8]) {
        func shown(_ alternative: TokenReport.Alternative) -> Alternative {
            Alternative(id: alternative.id, bytes: bytes(alternative.id), logprob: alternative.logprob)
        }
        token = shown(report.token)
        rank = report.rank
        top = report.top.map(shown)
    }

    /// Entry of OpenAI's `logprobs.content`.
    var entry: JSONValue {
        var object = Self.members(token)
        object["top_logprobs"] = .array(top.map { .object(Self.members($0)) })
        return .object(object)
    }

    /// Element of vLLM's `prompt_logprobs`: an object with the token and the most probable ones, by token id.
    var promptEntry: JSONValue {
        var object = JSONObject([("\(token.id)", Self.ranked(token, rank))])
        for (index, alternative) in top.enumerated() where alternative.id != token.id {
            object["\(alternative.id)"] = Self.ranked(alternative, index + 1)
        }
        return .object(object)
    }

    private static func ranked(_ alternative: Alternative, _ rank: Int) -> JSONValue {
        [
            "logprob": number(alternative.logprob), "rank": .integer(Int64(rank)),
            "decoded_token": .string(String(decoding: alternative.bytes, as: UTF8.self)),
        ]
    }

    private static func members(_ alternative: Alternative) -> JSONObject {
        JSONObject([
            ("token", .string(String(decoding: alternative.bytes, as: UTF8.self))),
            ("logprob", number(alternative.logprob)),
            ("bytes", .array(alternative.bytes.map { .integer(Int64($0)) })),
        ])
    }

    /// Six decimals, so that results are short. Differences below come from rounding.
    private static func number(_ logprob: Double) -> JSONValue {
        .double(min((max(logprob, -9999) * 1e6).rounded() / 1e6, 0) + 0)
    }
}
