import MoedCore
import MoedEngine
import MoedWeights

/// Contents and formats of a loaded model, on which its tokens depend. Its name and place do not count.
struct ModelOrigin {
    private let weights: Digest
    private let files: [(name: String, digest: Digest)]
    private let formats: String

    /// - Parameters:
    ///   - loaded: the model after its weights were loaded.
    ///   - textDirectory: path of tokenizer, template and sampling defaults.
    /// - Throws: `EngineError` when a small file cannot be read.
    init(
        _ source: ModelDirectory, _ loaded: UnloadedModel, textDirectory: String, formats: FormatChoice, kv: KVFormat
    ) throws(EngineError) {
        guard let weights = loaded.weightsDigest else {
            throw EngineError(.invalidInput, "there are shapes only, no weights")
        }
        self.weights = weights
        files = try ModelFiles.open(textDirectory).digests()
        let (experts, dense) =
            switch source {
            case .pack(let pack): (pack.manifest.experts, pack.manifest.dense)
            case .checkpoint:
                ("\(formats.formats(of: source).experts)", "\(formats.formats(of: source).dense)")
            }
        self.formats = "experts \(experts), dense \(dense), keys and values \(kv.rawValue)"
    }

    /// - Parameter model: served name of the model.
    func runner(model: String, _ options: PreparationOptions) -> RunnerOrigin {
        let details = JSONObject([
            ("weights", .string("\(weights)")), ("formats", .string(formats)),
            ("files", .object(JSONObject(files.map { ($0.name, .string("\($0.digest)")) }))),
            ("generation", .object(options.origin)),
        ])
        let digest = Digest(Array(JSONValue.object(details).serialized().utf8))
        return RunnerOrigin(digest: "\(digest)", model: model, formats: formats, details: details)
    }
}
