import Foundation
import MoedCore
import TestSupport
import Testing

/// The Debian package that `.ci/deb` makes, of the program under test and without compression.
@Suite(
    .enabled(if: Command.find("dpkg-deb") != nil, "dpkg-deb is not installed"),
    .enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct PackageTests {
    private func make(_ folder: String) async throws -> String {
        let script = Fixtures.packageRoot.appending(path: ".ci/deb")
        let binary = try #require(MoedProgram.binary)
        let result = try await Command.run(
            script, [folder], environment: ["MOED_BINARY": binary.path, "DEB_COMPRESSION": "none"])
        try #require(result.status == 0, "\(result.output)")
        return result.output.trimmingCharacters(in: .newlines)
    }

    @Test func thePackageIsWholeAndReproducible() async throws {
        let folder = try TemporaryFolder()
        let package = try await make(folder.path("a"))
        let again = try await make(folder.path("b"))
        let sums = try [package, again].map { try String(contentsOfFile: "\($0).sha256", encoding: .utf8) }
        #expect(sums[0] == sums[1])
        let tool = try #require(Command.find("dpkg-deb"))
        let listed = try await Command.run(tool, ["--contents", package])
        for path in [
            "./usr/bin/moed", "./lib/systemd/system/moed.service", "./lib/systemd/system/moed-serve.service",
            "./etc/moed/moed.yaml", "./usr/share/man/man1/moed.1.gz", "./usr/share/man/man5/moed.yaml.5.gz",
            "./usr/share/man/man8/moed.8.gz", "./usr/share/bash-completion/completions/moed", "./usr/share/doc/moed/copyright",
            "./usr/share/doc/moed/sql/roles.sql", "./usr/share/doc/moed/moed-alerts.yaml", "./usr/share/man/man1/moed-top.1.gz",
            "./usr/share/man/man1/moed-doctor.1.gz", "./usr/share/man/man1/moed-prune.1.gz",
        ] {
            #expect(listed.output.contains("\(path)\n"), "\(path) is not in the package")
        }
        #expect(!listed.output.split(separator: "\n").contains { !$0.contains(" root/root ") })
        let unpacked = try await Command.run(tool, ["--extract", package, folder.path("root")])
        #expect(unpacked.status == 0)
        let version = try await Command.run(URL(filePath: folder.path("root/usr/bin/moed")), ["--version"])
        let control = try await Command.run(tool, ["--field", package, "Version"])
        #expect(version.output == control.output)
        // A file that the package brings and an administrator changes stays as it is at an upgrade.
        let files = try await Command.run(tool, ["--info", package, "conffiles"])
        #expect(files.output == "/etc/moed/moed.yaml\n")
    }

    /// The list of parts names every Swift package with its checksum and its licence.
    @Test func thePartsAreListed() async throws {
        let folder = try TemporaryFolder()
        let package = try await make(folder.path("a"))
        let list = package.replacing(/\.deb$/, with: ".cdx.json")
        let text = try String(contentsOfFile: list, encoding: .utf8)
        let parts = try JSONValue(parsing: text)
        #expect(parts["bomFormat"] == "CycloneDX" && parts["specVersion"] == "1.5")
        let found = (parts["components"]?.array ?? []).filter { $0["purl"] != nil }
        let file = Fixtures.packageRoot.appending(path: ".ci/packages.txt")
        let wanted = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
        let lines = found.map { part in
            [part["name"]?.string, part["version"]?.string, part["hashes"]?.array?.first?["content"]?.string]
                .compactMap { $0 }.joined(separator: " ")
        }
        #expect(lines == wanted.map(String.init))
        #expect(found.allSatisfy { $0["licenses"] != nil })
        let sum = try await Command.run(
            URL(filePath: "/bin/sh"), ["-c", "cd \(folder.path("a")) && sha256sum -c *.sha256"])
        #expect(sum.status == 0, "\(sum.output)")
    }

    @Test(.enabled(if: Command.find("lintian") != nil, "lintian is not installed"))
    func lintianFindsNoError() async throws {
        let folder = try TemporaryFolder()
        let package = try await make(folder.path("a"))
        let tool = try #require(Command.find("lintian"))
        // The binary under test is no release: it is not stripped, and its run path leads to the toolchain. The package under
        // test is not compressed.
        let usual = [
            "unstripped-binary-or-object", "custom-library-search-path", "uses-no-compression-for-control-tarball",
            "uses-no-compression-for-data-tarball",
        ]
        let result = try await Command.run(tool, ["--suppress-tags", usual.joined(separator: ","), package])
        #expect(!result.output.contains("E: "), "\(result.output)")
    }
}
