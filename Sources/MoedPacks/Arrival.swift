package import MoedCore
import MoedWeights

/// The files of a model, whole or not, while a download brings them.
package struct Arrival: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        case missing
        /// Bytes that are here, and bytes of the whole file as far as its beginning tells.
        case short(Int, of: Int?)
        case whole(Int)
    }

    /// By name, in order.
    package let files: [(name: String, state: State)]

    package var unfinished: [(name: String, state: State)] {
        files.filter { if case .whole = $0.state { false } else { true } }
    }
    /// Bytes that are here.
    package var byteCount: Int {
        files.reduce(0) { sum, file in
            switch file.state {
            case .missing: sum
            case .short(let bytes, _), .whole(let bytes): sum + bytes
            }
        }
    }

    package static func == (one: Arrival, other: Arrival) -> Bool {
        one.files.elementsEqual(other.files) { $0.name == $1.name && $0.state == $1.state }
    }

    /// Looks at the files of a model directory, or of a GGUF model named by its first file.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` for an index that no download will mend.
    package init(of path: String) throws(EngineError) {
        if path.hasSuffix(".gguf") {
            files = Self.parts(of: path).map { (Self.name(of: $0), Self.ggufState($0)) }
            return
        }
        var names = ["config.json", "tokenizer.json"]
        // A pointer of git-lfs may stand for the index, too.
        let index = "\(path)/\(ShardIndex.singleFile).index.json"
        if Self.isSmallFileWhole(index), let shards = try ShardIndex(directory: path) {
            names += shards.fileNames
        } else {
            names.append(ShardIndex.singleFile)
        }
        files = names.map { ($0, Self.state("\(path)/\($0)")) }
    }

    private static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// One line about what is still to come: `model-00002-of-00003.safetensors has 1.2 of 4.9 GB`.
    ///
    /// - Parameter size: the text of a number of bytes.
    package func text(size: (Int) -> String) -> String {
        let named = unfinished.prefix(3).map { file in
            switch file.state {
            case .missing: "\(file.name) is missing"
            case .short(let bytes, let whole?): "\(file.name) has \(size(bytes)) of \(size(whole))"
            case .short(let bytes, nil): "\(file.name) is cut off at \(size(bytes))"
            case .whole: "\(file.name) is whole"
            }
        }
        let more = unfinished.count - named.count
        return named.joined(separator: ", ") + (more > 0 ? ", and \(more) more" : "")
    }
}

// MARK: Files

extension Arrival {
    /// Files that downloaders keep beside one that they have not finished.
    private static let companions = [".aria2", ".part", ".incomplete", ".crdownload"]

    private static func state(_ path: String) -> State {
        guard let file = try? WeightFile(path) else { return .missing }
        if companions.contains(where: { WeightFile.exists(path + $0) }) { return .short(file.byteCount, of: nil) }
        guard path.hasSuffix(".safetensors") else {
            return isSmallFileWhole(path) ? .whole(file.byteCount) : .short(file.byteCount, of: nil)
        }
        if isPointer(file) { return .missing }
        guard let whole = byteCount(of: file) else { return .short(file.byteCount, of: nil) }
        return file.byteCount < whole ? .short(file.byteCount, of: whole) : .whole(file.byteCount)
    }

    /// True for a JSON file that is read to its end.
    private static func isSmallFileWhole(_ path: String) -> Bool {
        (try? WeightFile.object(at: path, limit: ShardIndex.byteCountMax)) ?? nil != nil
    }

    private static func isPointer(_ file: WeightFile) -> Bool {
        let start = Array("version https://git-lfs".utf8)
        var bytes = [UInt8](repeating: 0, count: start.count)
        guard file.byteCount >= start.count, (try? file.read(start.count, at: 0, into: &bytes)) != nil else {
            return false
        }
        return bytes == start
    }

    /// Bytes of the whole file, as the header of a safetensors file tells them; nil while the header is not here.
    private static func byteCount(of file: WeightFile) -> Int? {
        var prefix = [UInt8](repeating: 0, count: 8)
        guard file.byteCount >= 8, (try? file.read(8, at: 0, into: &prefix)) != nil else { return nil }
        let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // A file that is none of safetensors will not get better.
        guard length <= 100_000_000 else { return file.byteCount }
        guard Int(length) <= file.byteCount - 8 else { return nil }
        var text = [UInt8](repeating: 0, count: Int(length))
        guard (try? file.read(text.count, at: 8, into: &text)) != nil, let header = try? JSONValue(parsing: text).object
        else { return file.byteCount }
        let ends = header.members.compactMap { $0.value["data_offsets"]?.array?.last?.integer }
        return (ends.max() ?? 0).addingReportingOverflow(8 + Int(length)).partialValue
    }

    /// The files of a split GGUF model, as the first one's name tells them.
    private static func parts(of path: String) -> [String] {
        guard let match = path.wholeMatch(of: #/(.*)-00001-of-(\d{5})\.gguf/#), let count = Int(match.2),
            (1...10_000).contains(count)
        else { return [path] }
        return (1...count).map { number in
            let digits = String("0000\(number)".suffix(5))
            return "\(match.1)-\(digits)-of-\(match.2).gguf"
        }
    }

    private static func ggufState(_ path: String) -> State {
        guard let file = try? WeightFile(path), !isPointer(file) else { return .missing }
        if companions.contains(where: { WeightFile.exists(path + $0) }) { return .short(file.byteCount, of: nil) }
        return GGUFModel.isWhole(file) ? .whole(file.byteCount) : .short(file.byteCount, of: nil)
    }
}
