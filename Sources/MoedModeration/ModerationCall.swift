import MoedCore
import MoedRemote
import Synchronization

/// One request to a moderation endpoint and its answer.
struct ModerationCall {
    private static let answerBytesMax = 4 << 20

    let transport: any Transport
    let body: [UInt8]
    let texts: Int

    private struct Received {
        var head: ResponseHead?
        var bytes: [UInt8] = []
        var end: TransportEvent?

        mutating func take(_ event: TransportEvent) {
            switch event {
            case .head(let head): self.head = head
            case .bytes(let bytes): if self.bytes.count <= answerBytesMax { self.bytes += bytes }
            case .ended, .failed: end = event
            }
        }
    }

    private final class Receiver: Sendable {
        let received = Mutex(Received())
    }

    /// Sends the request once.
    func answer(within time: Duration) async throws(ModerationFault) -> [ModerationFinding] {
        let received = await response(within: time)
        guard let end = received.end else {
            throw ModerationFault("it has not answered in time", mayPass: true)
        }
        if case .failed(let failure) = end { throw Self.fault(failure) }
        guard let head = received.head else { throw ModerationFault("the connection ended", mayPass: true) }
        guard head.status == 200 else {
            let mayPass = head.status == 408 || head.status == 429 || head.status >= 500
            throw ModerationFault("it answers with status \(head.status)", mayPass: mayPass)
        }
        guard received.bytes.count <= Self.answerBytesMax else { throw ModerationFault("its answer is too long") }
        return try ModerationFinding.read(received.bytes, count: texts)
    }

    private func response(within time: Duration) async -> Received {
        let receiver = Receiver()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await transport.send(TransportRequest(endpoint: 0, path: "/moderations", body: body)) { event in
                    receiver.received.withLock { $0.take(event) }
                }
            }
            group.addTask { try? await Task.sleep(for: time) }
            await group.next()
            group.cancelAll()
        }
        return receiver.received.withLock { $0 }
    }

    private static func fault(_ failure: TransportFailure) -> ModerationFault {
        switch failure {
        case .unreachable(let reason): ModerationFault("it cannot be reached: \(reason)", mayPass: true)
        case .insecure(let reason): ModerationFault("its connection is not safe: \(reason)")
        case .cut(let reason): ModerationFault(reason, mayPass: true)
        }
    }
}
