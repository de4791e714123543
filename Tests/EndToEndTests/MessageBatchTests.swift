import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Anthropic's client makes batches through a gateway.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct MessageBatchTests {
    @Test(.enabled(if: GatewayScene.python != nil, Comment(rawValue: GatewayScene.missingClients)))
    func theOfficialClientMakesABatch() async throws {
        let gateway = try await GatewayScene()
        let worker = try gateway.scene.start()
        let seen = try await gateway.client("anthropic_batch.py")
        #expect(seen["counts"] == ["canceled": 0, "errored": 1, "expired": 0, "processing": 0, "succeeded": 2], "\(seen)")
        #expect(seen["order"] == ["a", "b", "bad"] && seen["types"] == ["succeeded", "succeeded", "errored"])
        #expect(seen["text"]?.string?.hasPrefix("27 + 58 = ") == true && seen["stop"] == "end_turn" && seen["usage"] == true)
        #expect(["canceling", "ended"].contains(seen["second"]?.string) && seen["pages"] == true)
        #expect(
            seen["refusals"] == [
                "key": [401, "authentication_error"], "batch": [404, "not_found_error"], "tools": [400, "invalid_request_error"],
            ])
        worker.signal(SIGTERM)
        #expect(try await worker.exitCode() == 0)
        #expect(try await gateway.scene.accountingFaults() == [])
        try await gateway.close()
    }
}
