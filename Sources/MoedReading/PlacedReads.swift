import Glibc
import MoedCaching
import MoedCore
import MoedHost
import MoedPacks
import MoedWeights
import Synchronization

/// The reads at which an expert's digest is compared with the one in the pack's manifest.
package enum ExpertVerification: String, Sendable, CaseIterable {
    /// At the first read of each expert, and at every read once the file has changed.
    case first
    case always
    case never
}

/// Performs reads: each expert from its file to its expert place, with retries and verification.
///
/// Used by several threads at once, which work on different places.
@safe final class PlacedReads {
    private let table: ExpertTable
    private let reader: any ExpertReader
    private let places: UnsafeMutableRawBufferPointer
    private let verification: ExpertVerification
    /// Version of the file at the start.
    private let version: [Int]
    private let onRead: @Sendable (Int) -> Void
    private let isVerified: Mutex<[Bool]>

    /// Microseconds between attempts: a disk may hiccup, a file that was cut short stays so.
    private static let pauses: [UInt32] = [20_000, 200_000]

    /// - Parameters:
    ///   - places: memory of the expert places, one behind the other.
    ///   - onRead: called on the reading thread with the bytes of each expert that was read well.
    init(
        _ table: ExpertTable, _ reader: any ExpertReader, _ places: UnsafeMutableRawBufferPointer,
        _ verification: ExpertVerification, _ onRead: @escaping @Sendable (Int) -> Void
    ) {
        self.table = table
        self.reader = reader
        unsafe self.places = places
        self.verification = verification
        self.onRead = onRead
        version = reader.version
        isVerified = Mutex(Array(repeating: false, count: table.count))
    }

    /// Target of a read in memory, and its offset in the file.
    func location(of read: ExpertRead) -> (target: UnsafeMutableRawBufferPointer, offset: Int) {
        let blob = table.blobs[read.key]
        let start = read.place * table.placeByteCount
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: places[start..<start + blob.byteCount])
        return unsafe (target, blob.offset)
    }

    /// Reads an expert to its place and checks it. Retries with pauses unless `isStopped`. Nil is success.
    func perform(_ read: ExpertRead, isStopped: () -> Bool) -> EngineError? {
        var error = attempt(read)
        for pause in Self.pauses {
            guard error != nil, !isStopped() else { break }
            usleep(pause)
            error = attempt(read)
        }
        return error
    }

    private func attempt(_ read: ExpertRead) -> EngineError? {
        let (target, offset) = unsafe location(of: read)
        do throws(EngineError) { try unsafe reader.read(into: target, at: offset) } catch {
            return table.error(read.key, error.code, error.message)
        }
        return verify(read)
    }

    /// Checks an expert that lies whole in its place. Nil is success.
    func verify(_ read: ExpertRead) -> EngineError? {
        let (target, _) = unsafe location(of: read)
        if mustVerify(read.key) {
            let digest = unsafe Digest(parts: [Digest(UnsafeRawBufferPointer(target))])
            guard digest == table.blobs[read.key].digest else {
                return table.error(
                    read.key, .io, "its digest does not match: the file is damaged or was overwritten")
            }
            isVerified.withLock { $0[read.key] = true }
        }
        onRead(target.count)
        return nil
    }

    /// Asked after the read, so that an earlier change of the file shows.
    private func mustVerify(_ key: ExpertTable.Key) -> Bool {
        switch verification {
        case .never: false
        case .always: true
        case .first: !isVerified.withLock { $0[key] } || reader.version != version
        }
    }
}
