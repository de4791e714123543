#if HTTP
import HummingbirdCore
import MoedClient
import MoedCore
import MoedHost
import MoedOpenAI
import NIOCore

/// Requests whose clients wait.
extension Responder {
    private static let heartbeat = Duration.seconds(10)

    /// Enqueues the jobs of a request and waits for their answers. The jobs are cancelled when the client goes.
    func direct(_ kind: DirectRequest.Kind, _ request: Request, _ key: String) async throws(APIError) -> Answer {
        var request = request
        let bytes = try await collected(&request)
        let asked = try DirectRequest(kind, bytes)
        let watched = try await begin(asked, key)
        let (chats, body) = (chats, request.body)
        if asked.isStreamed {
            return .text(type: Self.events) { @concurrent writer in
                if let first = watched.first {
                    for event in asked.opening(job: first.job, createdAt: UnixTime.now) {
                        try await writer.write(ByteBuffer(string: event))
                    }
                }
                let outcome = try await Self.wait(body, chats, watched, &writer)
                for event in Self.events(asked, outcome) { try await writer.write(ByteBuffer(string: event)) }
            }
        }
        do {
            let outcome = try await body.consumeWithInboundCloseHandler { _ in
                await Self.outcome(chats, watched)
            } onInboundClosed: {
                Task { await Self.abandon(chats, watched) }
            }
            return .object(asked.object(try outcome.get()))
        } catch let error as APIError {
            throw error
        } catch {
            await Self.abandon(chats, watched)
            throw APIError(499, "the client has gone")
        }
    }

    /// Enqueues all jobs of a request, or none.
    private func begin(_ asked: DirectRequest, _ key: String) async throws(APIError) -> [GatewayStore.WaitingChat] {
        guard asked.bodies.count <= settings.chatWaiting else {
            throw APIError(
                400, "the request has \(asked.bodies.count) inputs, and \(settings.chatWaiting) may wait "
                    + "(gateway.chat_waiting): send fewer at a time, or a batch")
        }
        var watched: [GatewayStore.WaitingChat] = []
        for body in asked.bodies {
            do throws(APIError) {
                watched.append(try await chats.begin(key, body, settings: settings))
            } catch {
                await Self.abandon(chats, watched)
                throw error
            }
        }
        return watched
    }

    private static func abandon(_ chats: ChatDesk, _ watched: [GatewayStore.WaitingChat]) async {
        for chat in watched { await chats.abandon(chat) }
    }

    /// The answers of all jobs, in their order. The first error ends the others.
    private static func outcome(
        _ chats: ChatDesk, _ watched: [GatewayStore.WaitingChat]
    ) async -> Result<[JSONValue], APIError> {
        var answers: [JSONValue] = []
        for chat in watched {
            switch await chats.wait(chat) ?? .failure(APIError(503, "the gateway stops")) {
            case .success(let answer): answers.append(answer)
            case .failure(let error):
                await abandon(chats, watched)
                return .failure(error)
            }
        }
        return .success(answers)
    }

    /// Waits for the answers of a stream, and sends a sign of life now and then.
    @concurrent
    private static func wait(
        _ body: RequestBody, _ chats: ChatDesk, _ watched: [GatewayStore.WaitingChat],
        _ writer: inout any ResponseBodyWriter
    ) async throws -> Result<[JSONValue], APIError> {
        try await body.consumeWithInboundCloseHandler { @concurrent _ in
            var answers: [JSONValue] = []
            while answers.count < watched.count {
                switch await chats.wait(watched[answers.count], atMost: heartbeat) {
                case .success(let answer)?: answers.append(answer)
                case .failure(let error)?:
                    await abandon(chats, watched)
                    return .failure(error)
                case nil: try await writer.write(ByteBuffer(string: ChatChunks.heartbeat))
                }
            }
            return .success(answers)
        } onInboundClosed: {
            Task { await abandon(chats, watched) }
        }
    }

    private static func events(_ asked: DirectRequest, _ outcome: Result<[JSONValue], APIError>) -> [String] {
        switch outcome {
        case .success(let answers): asked.events(answers)
        case .failure(let error): [asked.event(error)]
        }
    }

    /// The whole body; the request keeps its connection, whose end says that the client has gone.
    private func collected(_ request: inout Request) async throws(APIError) -> [UInt8] {
        do {
            let body = try await request.collectBody(upTo: settings.bodyBytes)
            metrics.received(body.readableBytes)
            return Array(body.readableBytesView)
        } catch {
            throw APIError(413, "the body has more than \(settings.bodyBytes) bytes, or it ended early")
        }
    }
}
#endif
