import Glibc
package import MoedCore
import MoedEngine
import MoedHost
package import MoedPacks
package import MoedWeights

/// Directory of packs that are made on first use. Another checkpoint or other formats get another pack.
///
/// A pack is found by the contents of its checkpoint, so a copy of the checkpoint finds it too.
package struct PackCache {
    /// File of digests in the directory; see `KnownDigests`.
    private static let knownFile = "checkpoints"

    let directory: String

    package init(directory: String) { self.directory = directory }

    /// Part of the names of packs, between the name of the checkpoint and its digest.
    private static func middle(_ experts: WeightFormat, _ dense: WeightFormat) -> String {
        let formats = [experts, dense].map { format in
            format == .keep ? "keep" : format.quantGroup.map { "int\(format.bits)g\($0)" } ?? "\(format)"
        }
        return "-\(formats[0])-\(formats[1])-v\(PackManifest.version)-"
    }

    /// Opens the pack of a checkpoint; nil when there is none yet. It is read when any pack has its formats.
    func existing(
        _ checkpoint: Checkpoint, experts: WeightFormat, dense: WeightFormat
    ) throws(EngineError) -> Pack? {
        let middle = Self.middle(experts, dense)
        guard PackDestination.names(in: directory).contains(where: { $0.contains(middle) }) else { return nil }
        var known = known
        return try find(middle + "\(try checkpoint.fingerprint(&known))")
    }

    private var known: KnownDigests { KnownDigests("\(directory)/\(Self.knownFile)", now: UnixTime.nanoseconds) }

    private func find(_ suffix: String) throws(EngineError) -> Pack? {
        let name = PackDestination.names(in: directory).sorted().first { $0.hasSuffix(suffix) }
        guard let name else { return nil }
        return try Pack.open("\(directory)/\(name)")
    }

    /// - Throws: `EngineError(.io)` when no pack can be written here.
    func checkPlace() throws(EngineError) {
        let place = WeightFile.exists(directory) ? directory : "\(directory)/.."
        guard unsafe access(place, W_OK | X_OK) != 0, place == directory || errno != ENOENT else { return }
        throw EngineError(.io, "model.pack_cache: \(directory): \(unsafe String(cString: strerror(errno)))")
    }

    /// Opens the pack of a checkpoint, and makes it first if it does not exist.
    ///
    /// - Parameters:
    ///   - reading: receives the bytes of the checkpoint that were read to recognise it, so far and in all.
    ///   - progress: the same for packing.
    /// - Throws: `EngineError`, also when the pack exists and is damaged: an administrator inspects and removes it.
    package func pack(
        _ checkpoint: Checkpoint, experts: WeightFormat, dense: WeightFormat, threads: Int,
        reading: (Int, Int) -> Void = { _, _ in }, progress: (Int, Int) -> Void
    ) throws(EngineError) -> Pack {
        var known = known
        let suffix = Self.middle(experts, dense) + "\(try checkpoint.fingerprint(&known, progress: reading))"
        if !WeightFile.exists(directory), unsafe mkdir(directory, 0o755) != 0, errno != EEXIST {
            let reason = unsafe String(cString: strerror(errno))
            throw EngineError(.io, "model.pack_cache: cannot create \(directory): \(reason)")
        }
        known.save()
        if let pack = try find(suffix) { return pack }
        let path = "\(directory)/\(checkpoint.modelFiles.path.split(separator: "/").last ?? "model")\(suffix)"
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
