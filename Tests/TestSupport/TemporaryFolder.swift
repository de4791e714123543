import Foundation

/// A temporary folder that is deleted with its owner.
package final class TemporaryFolder {
    private let url: URL
    package var path: String { url.path }

    package init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "moed-folder-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(at: url) } catch {
            print("left behind: \(url.path): \(error)")
        }
    }

    /// Path of something in it.
    package func path(_ name: String) -> String { url.appending(path: name).path }

    package var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    /// Names in one of its folders.
    package func names(in name: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
    }

    package func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: url.appending(path: name)))
    }

    package func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: url.appending(path: name))
    }

    package func copy(_ file: String, to name: String) throws {
        try FileManager.default.copyItem(atPath: file, toPath: path(name))
    }

    package func createFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    }

    package func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }

    /// Changes one bit of a byte.
    package func flip(_ name: String, at offset: Int) throws {
        var content = try bytes(name)
        content[offset] ^= 1
        try write(name, content)
    }
}
