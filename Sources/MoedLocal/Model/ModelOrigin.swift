import MoedAdapters
import MoedCore
import MoedEngine
import MoedPacks
import MoedPreparation
import MoedWeights

/// Contents and formats of a loaded model, on which its tokens depend. Its name and place do not count.
struct ModelOrigin {
    private let weights: Digest
    private let files: [(name: String, digest: Digest)]
    private let formats: String

    /// - Parameters:
    ///   - loaded: the model after its weights were loaded.
    ///   - files: tokenizer, template and sampling defaults.
    /// - Throws: `EngineError` when a small file cannot be read.
    init(
        _ source: ModelDirectory, _ loaded: UnloadedModel, files: ModelFiles, formats: FormatChoice, kv: KVFormat
    ) throws(EngineError) {
        guard let weights = loaded.weightsDigest else {
            throw EngineError(.invalidInput, "there are shapes only, no weights")
        }
        self.weights = weights
        self.files = try files.digests()
        let (experts, dense) =
            switch source {
            case .pack(let pack): (pack.manifest.experts, pack.manifest.dense)
            case .checkpoint:
                ("\(formats.formats(of: source).experts)", "\(formats.formats(of: source).dense)")
            }
        self.formats = "experts \(experts), dense \(dense), keys and values \(kv.rawValue)"
    }

    /// - Parameters:
    ///   - model: served name of the model or of the adapter.
    ///   - adapter: the adapter that changes the model; nil without one.
    func runner(model: String, adapter: NamedAdapter? = nil, _ options: PreparationOptions) -> RunnerOrigin {
        var details = JSONObject([
            ("weights", .string("\(weights)")), ("formats", .string(formats)),
            ("files", .object(JSONObject(files.map { ($0.name, .string("\($0.digest)")) }))),
            ("generation", .object(options.origin)),
        ])
        if let adapter { details["adapter"] = .string("\(adapter.adapter.digest)") }
        let digest = Digest(Array(JSONValue.object(details).serialized().utf8))
        return RunnerOrigin(digest: "\(digest)", model: model, formats: formats, details: details)
    }
}
