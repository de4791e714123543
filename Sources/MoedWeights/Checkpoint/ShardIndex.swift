package import MoedCore

/// `model.safetensors.index.json`: which shards there are, and which one should hold a tensor.
package struct ShardIndex {
    package static let singleFile = "model.safetensors"
    /// A model of a million tensors would fit.
    package static let byteCountMax = 200 << 20

    private(set) var file: [ExactString: String] = [:]
    /// The shards in the order of their names.
    package private(set) var fileNames: [String] = []

    /// Nil when the checkpoint is a single file.
    package init?(directory: String) throws(EngineError) {
        let path = "\(directory)/\(Self.singleFile).index.json"
        // Hugging Face's libraries look for the single file first.
        if WeightFile.exists("\(directory)/\(Self.singleFile)") { return nil }
        guard let object = try WeightFile.object(at: path, limit: Self.byteCountMax) else { return nil }
        guard let map = object["weight_map"]?.object else {
            throw EngineError(.badCheckpoint, "\(path): weight_map is missing or no object")
        }
        var names: Set<ExactString> = []
        for member in map.members {
            guard let name = member.value.string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")),
                name != "..", name != "."
            else {
                throw EngineError(
                    .badCheckpoint, "\(path): tensor \(member.key.prefix(200)): not a file of the directory")
            }
            file[ExactString(member.key)] = name
            names.insert(ExactString(name))
        }
        fileNames = names.map(\.text).sorted()
    }
}
