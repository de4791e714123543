import Glibc
package import MoedCore

/// Describes a path that holds no model.
package enum DirectoryContents {
    /// Throws for a path that is no directory, with what it is and the way out.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming the path.
    package static func requireDirectory(_ path: String) throws(EngineError) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            let code = errno
            let reason = unsafe String(cString: strerror(code))
            guard code == ENOENT, isHubID(path) else { throw EngineError(.badCheckpoint, "\(path): \(reason)") }
            throw EngineError(
                .badCheckpoint,
                "\(path): \(reason). It looks like a model's name on a hub: download the model to a directory "
                    + "(hf download \(path) --local-dir DIR) and name DIR")
        }
        guard status.st_mode & S_IFMT != S_IFDIR else { return }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw EngineError(.badCheckpoint, "\(path) is neither a directory nor a file")
        }
        let file = try WeightFile(path)
        var start = [UInt8](repeating: 0, count: min(file.byteCount, FileSignature.length))
        try file.read(start.count, at: 0, into: &start)
        let kind = FileSignature.kind(start) ?? "is a file: name the directory that holds the model"
        throw EngineError(.badCheckpoint, "\(path) \(kind)")
    }

    /// The reason why a directory holds no model, and the way out; empty when its files tell nothing.
    ///
    /// - Parameter missing: name of the file that was looked for.
    static func hint(_ directory: String, missing: String) -> String {
        guard let names = names(directory) else { return "" }
        func has(_ suffix: String) -> String? {
            names.first { $0.utf8.reversed().starts(with: suffix.utf8.reversed()) }
        }
        if names.isEmpty { return ": the directory is empty" }
        if names.contains("adapter_config.json") {
            return ": the directory holds an adapter (LoRA), not a model. Name its base as the model, and the adapter "
                + "with --adapter or in the section adapters of the configuration"
        }
        if let file = has(".gguf") {
            return ": the directory holds \(file). Name the file itself, and of a split model the first one"
        }
        if let file = has(".bin") ?? has(".pt") ?? has(".pth"), has(".safetensors") == nil {
            return ": the directory holds \(file), and only safetensors files are read. Save the model as safetensors "
                + "(transformers: save_pretrained())"
        }
        if missing != "config.json", let file = has(".safetensors") {
            return ": the directory holds \(file), but neither model.safetensors nor model.safetensors.index.json"
        }
        return missing == "config.json" ? ": is \(directory) a Hugging Face model directory?" : ""
    }

    private static func names(_ directory: String) -> [String]? {
        guard let stream = unsafe opendir(directory) else { return nil }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// True for "owner/name" that is no path by its form.
    private static func isHubID(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        return parts.allSatisfy { part in
            !part.isEmpty && part.first != "." && part.first != "~"
                && part.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                        || [0x2D, 0x2E, 0x5F].contains(byte)
                }
        }
    }
}
