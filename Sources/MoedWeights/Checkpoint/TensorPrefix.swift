/// The beginnings of a checkpoint's names of tensors. Inside of moed they are those of a causal language model,
/// `model.` and `lm_head.`.
///
/// Base models are saved without `model.`; the text part of a model with images has more before it.
struct TensorPrefix: Sendable, Equatable {
    /// In place of `model.`.
    let model: String
    /// In place of `lm_head.`.
    let head: String

    static let usual = TensorPrefix(model: "model.", head: "lm_head.")

    private static let known = [
        usual, TensorPrefix(model: "model.language_model.", head: "lm_head."),
        TensorPrefix(model: "language_model.model.", head: "language_model.lm_head."),
        TensorPrefix(model: "language_model.", head: "lm_head."), TensorPrefix(model: "", head: "lm_head."),
    ]
    /// Parts of names that follow `model.`.
    private static let parts = ["embed_tokens.", "layers.", "norm."]

    /// The first known one that a layer's tensor has.
    static func found(in names: [String]) -> TensorPrefix {
        known.first { prefix in names.contains { $0.begins(with: "\(prefix.model)layers.") } } ?? usual
    }

    /// The name inside of moed.
    func inner(_ stored: String) -> String {
        if self == .usual { return stored }
        if stored.begins(with: head) { return Self.usual.head + stored.dropping(head) }
        guard stored.begins(with: model) else { return stored }
        let rest = stored.dropping(model)
        return Self.parts.contains(where: rest.begins) ? Self.usual.model + rest : stored
    }

    /// The name in the files.
    func stored(_ inner: String) -> String {
        if inner.begins(with: Self.usual.head) { return head + inner.dropping(Self.usual.head) }
        guard inner.begins(with: Self.usual.model) else { return inner }
        let rest = inner.dropping(Self.usual.model)
        return Self.parts.contains(where: rest.begins) ? model + rest : inner
    }
}

extension String {
    /// Compares bytes: canonically equivalent names are different ones.
    fileprivate func begins(with other: String) -> Bool { utf8.starts(with: other.utf8) }

    fileprivate func dropping(_ beginning: String) -> String {
        String(decoding: utf8.dropFirst(beginning.utf8.count), as: UTF8.self)
    }
}
