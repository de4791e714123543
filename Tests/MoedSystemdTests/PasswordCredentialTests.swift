import Foundation
import MoedSystemd
import Testing

@Suite struct PasswordCredentialTests {
    private let folder = FileManager.default.temporaryDirectory.appending(
        path: "moed-credential-\(UUID().uuidString)")

    /// Text of the copy that libpq would get for a credential of mode 0440, as systemd 254 makes them.
    private func copy(of text: String, _ others: [String: String] = [:]) throws -> String? {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "pgpass")
        try Data(text.utf8).write(to: file)
        unsafe chmod(file.path, 0o440)
        let environment = ["CREDENTIALS_DIRECTORY": folder.path].merging(others) { $1 }
        guard let credential = try PasswordCredential(environment) else { return nil }
        let conninfo = credential.added(to: "host=/h")
        let path = try #require(conninfo.split(separator: " ").first?.split(separator: "=").last)
        #expect(conninfo == "passfile=\(path) host=/h")
        var status = stat()
        #expect(unsafe stat(String(path), &status) == 0)
        // libpq takes only regular files that nobody else may read.
        #expect(status.st_mode == S_IFREG | 0o600)
        return try String(contentsOfFile: String(path), encoding: .utf8)
    }

    @Test(arguments: [
        ("*:*:*:*:s3cret\n", "*:*:*:*:s3cret\n"), ("# none\n", "# none\n"), ("s3cret\n", "*:*:*:*:s3cret\n"),
        ("a:b\\c", "*:*:*:*:a\\:b\\\\c\n"), ("# comment\ns3cret", "*:*:*:*:s3cret\n"),
        ("h:1:d:u:one\nh:1:d:v:two\n", "h:1:d:u:one\nh:1:d:v:two\n"), ("", ""),
    ])
    func aPasswordAloneOrInEntries(_ credential: String, _ expected: String) throws {
        #expect(try copy(of: credential) == expected)
    }

    @Test func anotherPasswordFileWins() throws {
        #expect(try copy(of: "x", ["PGPASSFILE": "/elsewhere/pgpass"]) == nil)
        #expect(try copy(of: "x", ["PGPASSFILE": "\(folder.path)/pgpass"]) != nil)
        #expect(try PasswordCredential([:]) == nil)
        #expect(try PasswordCredential(["CREDENTIALS_DIRECTORY": "/nowhere"]) == nil)
    }

    @Test func urisGetAParameter() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("x".utf8).write(to: folder.appending(path: "pgpass"))
        let credential = try #require(try PasswordCredential(["CREDENTIALS_DIRECTORY": folder.path]))
        #expect(credential.added(to: "postgresql://u@h/d").contains("d?passfile=/proc/self/fd/"))
        #expect(credential.added(to: "postgres://h/d?a=b").contains("a=b&passfile=/proc/self/fd/"))
        #expect(credential.added(to: "postgres://h/d?passfile=/own") == "postgres://h/d?passfile=/own")
        #expect(credential.added(to: "").hasPrefix("passfile=/proc/self/fd/"))
    }
}
