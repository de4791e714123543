#if HTTP
import HTTPTypes
import HummingbirdCore
import Logging
import MoedClient
import MoedCore
import MoedOpenAI
import MoedPage
import NIOCore

/// Forms of the page: signing in and out, and actions. The database checks the key at each of them.
extension PageResponder {
    static let cookie = "moed_page"
    private static let formBytesMax = 16 << 10

    /// Answers a form. Browsers tell where a request comes from: one that another site caused is refused, and each
    /// action needs the token that only the session's pages have.
    func submit(_ path: String, _ request: Request) async -> Response {
        let site = HTTPField.Name("sec-fetch-site").flatMap { request.headers[$0] }
        guard site == nil || site == "same-origin" || site == "none" else {
            return Self.response(.forbidden, Page.missing("Another site sent this form."))
        }
        let fields: FormFields
        do {
            var body = request
            fields = FormFields(Array(try await body.collectBody(upTo: Self.formBytesMax).readableBytesView))
        } catch {
            return Self.response(.contentTooLarge, Page.missing("The form is too long, or it ended early."))
        }
        if path == "/login" { return await signIn(fields) }
        let name = session(of: request)
        guard let key = await sessions.key(name, token: fields["token"]) else {
            return Self.response(.forbidden, Page.login("You are not signed in any more."))
        }
        if path == "/logout" {
            await sessions.end(name)
            return Self.redirect(cookie: "\(Self.cookie)=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
        }
        await act(fields, key: key, session: name)
        return Self.redirect()
    }

    func session(of request: Request) -> String? {
        FormFields.cookie(Self.cookie, in: request.headers[.cookie])
    }

    private func signIn(_ fields: FormFields) async -> Response {
        let text = fields["key"] ?? ""
        let key = SHA256.hexadecimal(text)
        do throws(APIError) { _ = try await store.operate(key, "check") } catch {
            log.notice("somebody could not sign in to the page: \(error.message)")
            return Self.response(.init(code: error.status), Page.login(error.message))
        }
        let hint = String(text.prefix(14))
        let name = await sessions.begin(key: key, hint: hint)
        log.notice("the key \(hint)… signed in to the page")
        return Self.redirect(cookie: "\(Self.cookie)=\(name); Path=/; HttpOnly; SameSite=Strict")
    }

    private func act(_ fields: FormFields, key: String, session: String?) async {
        let (action, kind, name) = (fields["action"] ?? "", fields["kind"], fields["name"])
        let words = [action, kind, name].compactMap { $0 }.joined(separator: " ")
        do throws(APIError) {
            let count = try await store.operate(key, action, kind: kind, name: name)
            let result =
                switch action {
                case "redrive": "\(count) jobs are queued again."
                case "cancel": "\(count) jobs were cancelled."
                default: "\(count) pauses are in force."
                }
            let hint = await sessions.person(session)?.hint ?? ""
            log.notice("the key \(hint)… asked for: \(words.debugDescription). \(result)")
            await sessions.tell(session, "\(words): \(result)")
        } catch {
            log.warning("an action of the page failed: \(words.debugDescription): \(error.message)")
            await sessions.tell(session, "\(words) failed: \(error.message)")
        }
    }

    /// To the overview by GET, so that loading it again repeats nothing.
    private static func redirect(cookie: String? = nil) -> Response {
        var response = response(.seeOther, "")
        response.headers[.location] = "/"
        if let cookie { response.headers[.setCookie] = cookie }
        return response
    }
}
#endif
