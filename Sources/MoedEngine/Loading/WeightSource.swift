import MoedCore
import MoedWeights

/// Gives a model's weights their places in memory, from a checkpoint or a pack; the weights are filled in later.
protocol WeightSource: AnyObject {
    var configuration: ModelConfiguration { get }
    /// Bytes of all places given out.
    var byteCount: Int { get }

    /// The matrix `name`.
    func matrix(_ name: String, _ shape: MatrixShape, _ role: WeightRole) throws(EngineError) -> PackedMatrix
    /// The three matrices of the expert `name`, side by side.
    func expert(_ name: String, _ shape: FeedForwardShape) throws(EngineError) -> FeedForwardWeights
    /// The values of the norm `name`, `[count]`.
    func vector(_ name: String, _ count: Int) throws(EngineError) -> [Float]
}

/// The part that a matrix plays in a model; it decides the matrix's format.
enum WeightRole {
    case dense
    /// Output projection of an attention layer; its format is that of `dense`.
    case attentionOutput
    /// Has eight bits where the others have four: a token's row is looked up, which costs no time, and its errors go
    /// through every layer. Where embeddings are tied this is the output matrix too.
    case embedding
    /// The router is never quantised: it is small, and a wrong expert costs more than a wrong weight.
    case router

    /// The format of such a matrix.
    ///
    /// - Parameter dense: format asked for, of all matrices but experts.
    func format(dense: WeightFormat) -> WeightFormat {
        switch (self, dense) {
        case (.router, _): .bf16
        case (.embedding, .int4(let group)): .int8(group: group)
        default: dense
        }
    }
}
