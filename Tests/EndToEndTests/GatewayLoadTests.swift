import Foundation
import MoedCore
import TestSupport
import Testing

/// `Tests/Load/gateway_load.py` at a small size; by hand it runs whole, with limits of time and memory.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct GatewayLoadTests {
    @Test(.enabled(if: Command.find("python3") != nil && Command.find("psql") != nil, "no python3 or no psql"))
    func killedGatewaysLoseAndDoubleNothing() async throws {
        let database = try await TestDatabase.create()
        let script = Fixtures.packageRoot.appending(path: "Tests/Load/gateway_load.py").path
        let result = try await Command.run(
            try #require(Command.find("python3")),
            [
                script, try #require(MoedProgram.binary).path, database.conninfo, "--keys", "6", "--batches", "18", "--lines", "60",
                "--kill-every", "2",
            ])
        let last = result.output.split(separator: "\n").last { $0.hasPrefix("{") }
        let seen = try JSONValue(parsing: String(try #require(last, "\(result.output)")))
        #expect(result.status == 0 && seen["faults"] == [], "\(result.output)")
        #expect(seen["jobs"] == 1080 && seen["batches"] == 18)
        await database.close()
    }
}
