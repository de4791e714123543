import Glibc
import MoedCore
import MoedWeights

/// Path of the process's own file, in memory.
private let path = "/dev/shm/moed-fuzz-\(getpid())"

private func write(_ bytes: [UInt8]) {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    check(file >= 0, "cannot write \(path)")
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
    close(file)
}

/// Fuzzes a whole file. After the letter h the input is only the header's text, completed with its length and 256
/// bytes of data.
func fuzzSafetensors(_ bytes: [UInt8]) {
    if bytes.first == UInt8(ascii: "h") {
        let text = bytes.dropFirst()
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }
        write(length + text + [UInt8](repeating: 0, count: 256))
    } else {
        write(bytes)
    }
    defer { _ = unsafe unlink(path) }
    guard let file = try? WeightFile(path), let header = try? SafetensorsHeader(of: file) else { return }
    for tensor in header.tensors {
        check(tensor.offset >= 8 && tensor.byteCount >= 0, "\(tensor.name) begins before the data")
        check(tensor.byteCount <= file.byteCount - tensor.offset, "\(tensor.name) ends after the file")
    }
}

/// Fuzzes a manifest as it is, and again with correct mark, version and digest, which a fuzzer does not guess.
func fuzzManifest(_ bytes: [UInt8]) {
    _ = try? PackManifest(bytes, path: "fuzz")
    guard var object = try? JSONValue(parsing: bytes).object else { return }
    object["digest"] = nil
    object["format"] = .string(PackManifest.mark)
    object["version"] = .integer(Int64(PackManifest.version))
    let digest = Digest(Array(JSONValue.object(object).serialized().utf8))
    object["digest"] = .string(digest.description)
    let text = JSONValue.object(object).serialized()
    guard let manifest = try? PackManifest(Array(text.utf8), path: "fuzz") else { return }
    let again = try? PackManifest(Array(manifest.text.utf8), path: "fuzz")
    check(again == manifest, "reads back differently")
    for blob in manifest.blobs {
        let count = blob.parts.reduce(0) { $0 + $1.count }
        check(count == blob.byteCount, "the parts of \(blob.name) have \(count) bytes")
    }
}

/// A `config.json`, read as generation_config.json too. What is accepted has sizes that can be computed with.
func fuzzConfiguration(_ bytes: [UInt8]) {
    write(bytes)
    defer { _ = unsafe unlink(path) }
    _ = try? GenerationDefaults(path: path)
    guard let configuration = try? ModelConfiguration(path: path) else { return }
    let shape = configuration.shape
    check(shape.layers > 0 && shape.normsPerLayer > 0 && shape.keyValueColumns > 0, "no layers: \(configuration)")
    let summary = CheckpointSummary(configuration, weightBytes: 1)
    check(summary.parameters > 0 && summary.activeParameters > 0, "no parameters: \(summary)")
    check(configuration.contextLength > 0, "a context of \(configuration.contextLength)")
    let frequencies = configuration.rotary.inverseFrequencies(headDim: configuration.headDim)
    check(frequencies.allSatisfy(\.isFinite), "\(configuration.rotary): \(frequencies)")
}

/// A GGUF model that opens gives its small files and the rows of its matrices.
func fuzzGGUF(_ bytes: [UInt8]) {
    write(bytes)
    defer { _ = unsafe unlink(path) }
    guard let files = try? ModelFiles.open(path) else { return }
    for name in ModelFiles.names { _ = try? files.contents(name) }
    guard let checkpoint = try? Checkpoint(files) else { return }
    for entry in checkpoint.tensors where entry.shape.count == 2 && entry.shape[0] * entry.shape[1] <= 1 << 16 {
        let shape = MatrixShape(entry.shape[0], entry.shape[1])
        let name = String(entry.name.prefix(max(0, entry.name.count - ".weight".count)))
        guard let source = try? checkpoint.naming.matrix(name, shape, in: checkpoint) else { continue }
        var values = [Float](repeating: 0, count: shape.count)
        _ = try? source.rows(0..<shape.outputs, into: &values)
    }
}
