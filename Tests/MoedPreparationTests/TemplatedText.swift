import Foundation
import MoedBatching
import MoedCore
import MoedPreparation
import MoedText
import TestSupport

/// The sample model's text files with another chat template.
enum TemplatedText {
    /// The official templates, where the golden data is.
    static let official = ["hybrid", "hybrid-original", "instruct-2507", "thinking-2507"]

    static func source(official name: String) throws -> String? {
        try Fixtures.golden.map {
            try String(contentsOf: $0.appending(path: "chat-template/\(name).jinja"), encoding: .utf8)
        }
    }

    static func text(template: String) throws -> TextSide {
        let checkpoint = try TestCheckpoint()
        for file in ["tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json"] {
            try checkpoint.write(file, Fixtures.bytes(Fixtures.sampleModel.appending(path: file)))
        }
        try checkpoint.write("chat_template.jinja", template)
        return try TextSide(directory: checkpoint.path)
    }

    static func preparer(_ text: TextSide, _ controlTokens: ControlTokens = .text) -> RequestPreparer {
        var options = PreparationOptions()
        options.controlTokens = controlTokens
        return RequestPreparer(
            text: text,
            limits: EngineLimits(
                contextLength: 4096, kvTokens: 4096, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 64),
            maxTokensDefault: 100, options: options)
    }
}

extension RequestPreparer {
    /// The prompt's tokens for these messages.
    func prompt(_ messages: JSONValue, _ members: (String, JSONValue)...) throws -> [TokenID] {
        let body = JSONValue.object(JSONObject([("messages", messages)] + members))
        return try prepare(
            try GenerationRequest(body: body), job: JobID(1), model: "m", bucket: nil, seed: 0, waited: .zero
        ).prompt
    }
}
