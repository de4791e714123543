#if HTTP
import HummingbirdCore
import MoedClient
import MoedCore
import MoedOpenAI
import NIOCore

extension Responder {
    private static let heartbeat = Duration.seconds(10)

    /// Enqueues a request and waits for its answer. The job is cancelled when the client goes.
    func chat(_ request: Request, _ key: String) async throws(APIError) -> Answer {
        var request = request
        let bytes = try await collected(&request)
        let chatRequest = try ChatRequest(bytes)
        let chat = try await chats.begin(key, chatRequest, settings: settings)
        let (chats, body) = (chats, request.body)
        if chatRequest.isStreamed {
            return .text(type: "text/event-stream") { @concurrent writer in
                let outcome = try await Self.wait(body, chats, chat, &writer)
                for event in Self.events(outcome, showsUsage: chatRequest.showsUsage) {
                    try await writer.write(ByteBuffer(string: event))
                }
            }
        }
        do {
            let outcome = try await body.consumeWithInboundCloseHandler { _ in
                await chats.wait(chat)
            } onInboundClosed: {
                Task { await chats.abandon(chat) }
            }
            return .object(try (outcome ?? .failure(APIError(503, "the gateway stops"))).get())
        } catch let error as APIError {
            throw error
        } catch {
            await chats.abandon(chat)
            throw APIError(499, "the client has gone")
        }
    }

    /// Waits for the answer of a stream, and sends a sign of life now and then.
    @concurrent
    private static func wait(
        _ body: RequestBody, _ chats: ChatDesk, _ chat: GatewayStore.WaitingChat,
        _ writer: inout any ResponseBodyWriter
    ) async throws -> ChatDesk.Outcome {
        try await body.consumeWithInboundCloseHandler { @concurrent _ in
            while true {
                if let outcome = await chats.wait(chat, atMost: heartbeat) { return outcome }
                try await writer.write(ByteBuffer(string: ChatChunks.heartbeat))
            }
        } onInboundClosed: {
            Task { await chats.abandon(chat) }
        }
    }

    private static func events(_ outcome: ChatDesk.Outcome, showsUsage: Bool) -> [String] {
        switch outcome {
        case .success(let completion): ChatChunks.events(completion, showsUsage: showsUsage)
        case .failure(let error): [ChatChunks.event(error)]
        }
    }

    /// The whole body; the request keeps its connection, whose end says that the client has gone.
    private func collected(_ request: inout Request) async throws(APIError) -> [UInt8] {
        do {
            return Array(try await request.collectBody(upTo: settings.bodyBytes).readableBytesView)
        } catch {
            throw APIError(413, "the body has more than \(settings.bodyBytes) bytes, or it ended early")
        }
    }
}
#endif
