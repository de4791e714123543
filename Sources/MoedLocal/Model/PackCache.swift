import Glibc
package import MoedCore
import MoedEngine
package import MoedWeights

/// Directory of packs that are made on first use. A changed checkpoint or other formats get another pack.
package struct PackCache {
    let directory: String

    package init(directory: String) { self.directory = directory }

    /// Path of a checkpoint's pack, whether or not the pack exists.
    func path(_ checkpoint: Checkpoint, experts: WeightFormat, dense: WeightFormat) throws(EngineError)
        -> String
    {
        let name = checkpoint.directory.split(separator: "/").last ?? "model"
        let formats = [experts, dense].map { format in
            format.quantGroup.map { "int\(format.bits)g\($0)" } ?? "\(format)"
        }
        let version = "v\(PackManifest.version)"
        return "\(directory)/\(name)-\(formats[0])-\(formats[1])-\(version)-\(try checkpoint.fingerprint())"
    }

    /// Opens the pack of a checkpoint; nil when there is none yet.
    func existing(
        _ checkpoint: Checkpoint, experts: WeightFormat, dense: WeightFormat
    ) throws(EngineError) -> Pack? {
        let path = try path(checkpoint, experts: experts, dense: dense)
        return WeightFile.exists(path) ? try Pack.open(path) : nil
    }

    /// - Throws: `EngineError(.io)` when no pack can be written here.
    func checkPlace() throws(EngineError) {
        let place = WeightFile.exists(directory) ? directory : "\(directory)/.."
        guard unsafe access(place, W_OK | X_OK) != 0, place == directory || errno != ENOENT else { return }
        throw EngineError(.io, "model.pack_cache: \(directory): \(unsafe String(cString: strerror(errno)))")
    }

    /// Opens the pack of a checkpoint, and makes it first if it does not exist.
    ///
    /// - Throws: `EngineError`, also when the pack exists and is damaged: an administrator inspects and removes it.
    package func pack(
        _ checkpoint: Checkpoint, experts: WeightFormat, dense: WeightFormat, threads: Int,
        progress: (Int, Int) -> Void
    ) throws(EngineError) -> Pack {
        let path = try path(checkpoint, experts: experts, dense: dense)
        if WeightFile.exists(path) { return try Pack.open(path) }
        if !WeightFile.exists(directory), unsafe mkdir(directory, 0o755) != 0, errno != EEXIST {
            let reason = unsafe String(cString: strerror(errno))
            throw EngineError(.io, "model.pack_cache: cannot create \(directory): \(reason)")
        }
        let packer = try Packer(
            checkpoint,
            Packer.Options(experts: experts, dense: dense, threads: threads, tool: "moed \(Version.text)"))
        do {
            _ = try packer.pack(to: path, progress: progress)
        } catch {
            // Two workers that start together both pack; the first one to finish wins.
            guard WeightFile.exists(path) else { throw error }
        }
        return try Pack.open(path)
    }
}
