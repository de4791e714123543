import MoedCore

/// The tensors of one module of a checkpoint, by the last part of their names.
struct ModuleTensors {
    /// E.g. `model.layers.0.self_attn.q_proj`.
    let module: String
    let checkpoint: Checkpoint

    /// The tensor `module.ending`; nil when the checkpoint lacks it.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when two files have it.
    func tensor(_ ending: String) throws(EngineError) -> (any TensorBytes)? {
        guard let entry = try checkpoint.tensor("\(module).\(ending)") else { return nil }
        return CheckpointTensor(checkpoint: checkpoint, entry: entry)
    }

    /// As `tensor`.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when the checkpoint lacks it.
    func required(_ ending: String, beside other: any TensorBytes) throws(EngineError) -> any TensorBytes {
        guard let tensor = try tensor(ending) else {
            throw other.error("needs \(stored(ending)), which is missing: the download may be incomplete")
        }
        return tensor
    }

    /// The name of a tensor in its file.
    func stored(_ ending: String) -> String { checkpoint.storedName("\(module).\(ending)") }

    func has(_ ending: String) -> Bool { checkpoint.has("\(module).\(ending)") }
}

/// A tensor in the files of a checkpoint.
struct CheckpointTensor: TensorBytes {
    let checkpoint: Checkpoint
    let entry: TensorEntry

    func read(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        try checkpoint.read(entry, bytes: range, into: &target)
    }

    func error(_ reason: String) -> EngineError { checkpoint.error(entry, reason) }
}
