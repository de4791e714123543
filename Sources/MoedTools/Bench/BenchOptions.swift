import MoedCore
package import MoedLocal
package import MoedWeights

/// Options of `moed bench`.
package struct BenchOptions: Sendable {
    /// The model, its execution options and its memory budget. The measurement determines the numbers of sequences and
    /// of KV tokens.
    package var model: ModelOptions
    /// Shape for random weights that replace the model's directory.
    package var synthetic: SyntheticShape?
    /// Prompt lengths in tokens.
    package var prefill: [Int]
    /// Batch sizes for decoding.
    package var decode: [Int]
    /// Prompt tokens of each sequence before decoding.
    package var context: Int
    package var repeats: Int
    package var workload: Workload?
    /// Number of sequences whose sweeps are measured with and without constraints; nil measures none.
    package var constrained: Int?

    /// Jobs that run through planner and engine.
    package struct Workload: Sendable {
        package var description: WorkloadSource
        /// Number of running sequences.
        package var sequences: Int
        /// KV capacity in tokens; 0 chooses it.
        package var kvTokens: Int

        package init(description: WorkloadSource, sequences: Int, kvTokens: Int) {
            self.description = description
            self.sequences = sequences
            self.kvTokens = kvTokens
        }
    }

    package init(
        model: ModelOptions, synthetic: SyntheticShape? = nil, prefill: [Int] = [], decode: [Int] = [],
        context: Int, repeats: Int, workload: Workload? = nil
    ) {
        self.model = model
        self.synthetic = synthetic
        self.prefill = prefill
        self.decode = decode
        self.context = context
        self.repeats = repeats
        self.workload = workload
    }

    /// `512,2048` → [512, 2048]; an empty text is an empty list.
    ///
    /// - Throws: `ConfigurationProblem` naming the option and the invalid number.
    package static func numbers(_ text: String, option: String, max: Int) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: text.isEmpty).map { part in
            guard let number = Int(part), (1...max).contains(number) else {
                throw ConfigurationProblem("\(option): “\(part)” is no number in 1…\(max)")
            }
            return number
        }
    }
}

/// A published model's shape, optionally with fewer layers or a smaller vocabulary: `qwen3-30b-a3b:layers=8`.
package struct SyntheticShape: Sendable, Equatable {
    package var name: String
    package var configuration: ModelConfiguration
    /// Layers of the published model.
    package var fullLayers: Int

    /// - Throws: `ConfigurationProblem` naming the known shapes or the valid ranges.
    package init(_ text: String) throws {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        name = parts.removeFirst().lowercased()
        let known = ModelConfiguration.knownShapes
        let wanted = name
        guard let shape = known.first(where: { $0.name == wanted || $0.name == "qwen3-\(wanted)" }) else {
            throw ConfigurationProblem(
                "--synthetic: no shape “\(wanted)”; known are \(known.map(\.name).joined(separator: ", "))")
        }
        name = shape.name
        configuration = shape.shape
        fullLayers = shape.shape.layers
        for change in parts.flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false) }) {
            let pair = change.split(separator: "=", omittingEmptySubsequences: false)
            let value = pair.count == 2 ? Int(pair[1]) : nil
            switch (pair.first ?? "", value) {
            case ("layers", let count?) where (1...fullLayers).contains(count): configuration.layers = count
            case ("vocab", let count?) where (16...configuration.vocabulary).contains(count):
                configuration.vocabulary = count
            default:
                throw ConfigurationProblem(
                    "--synthetic: “\(change)” is neither layers=1…\(fullLayers) nor "
                        + "vocab=16…\(configuration.vocabulary)"
                )
            }
        }
    }
}
