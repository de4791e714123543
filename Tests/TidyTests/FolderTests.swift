import Testing

/// Arrows between the folders of a target: types of one folder are used only by the folders that may know it.
struct FolderTests {
    /// Per target, its folders from the lowest to the highest; "" is the target's own folder. A folder may use those
    /// before it.
    private static let floors: [String: [String]] = [
        "MoedEngine": ["Memory", "Compute", "Sampling", "Streaming", "Layers", "", "Loading"],
        "MoedWeights": ["Files", "Shape", "Encoding", "Checkpoint", "Pack", ""],
    ]

    @Test(arguments: floors.keys.sorted()) func foldersUseTheFloorsBelow(target: String) throws {
        let floors = try #require(Self.floors[target])
        let files = SourceTree.swiftSources.filter { $0.target == target }
        var owner: [String: String] = [:]
        for file in files {
            for name in Self.types(in: file.code) { owner[name] = file.folder }
        }
        #expect(Set(files.map(\.folder)) == Set(floors), "folders of \(target)")
        for file in files {
            let floor = try #require(floors.firstIndex(of: file.folder), "\(file.path)")
            for word in Self.words(in: file.code) {
                guard let used = owner[word], let below = floors.firstIndex(of: used) else { continue }
                #expect(below <= floor, "\(file.path) uses \(word) of \(used)")
            }
        }
    }

    /// Types at the outermost level that other files can see.
    private static func types(in code: [String]) -> [String] {
        code.compactMap { line in
            guard !line.contains("private "), line.first?.isWhitespace == false else { return nil }
            return line.firstMatch(of: #/\b(?:struct|class|enum|protocol|typealias|actor) (\w+)/#).map { String($0.1) }
        }
    }

    private static func words(in code: [String]) -> Set<String> {
        var words: Set<String> = []
        for line in code {
            for word in line.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") }) {
                words.insert(String(word))
            }
        }
        return words
    }

    @Test func typesAreFound() {
        let code = [
            "package struct Outer {", "    struct Inner {", "private enum Hidden {", "final class Two: One {",
            "extension Three {",
        ]
        #expect(Self.types(in: code) == ["Outer", "Two"])
        #expect(Self.words(in: ["let a = Outer.b(c_1)"]).isSuperset(of: ["Outer", "c_1"]))
    }
}

extension SourceFile {
    /// `Layers` of `Sources/MoedEngine/Layers/Sweep.swift`; empty for files right under the target.
    fileprivate var folder: String {
        let parts = path.split(separator: "/")
        return parts.count > 3 ? String(parts[2]) : ""
    }
}
