import MoedRemoteHTTP
package import MoedSettings

extension ModerationService {
    /// The service of the configuration; nil without one.
    ///
    /// - Parameter credentials: directory of the unit's credentials; nil outside of a unit.
    package static func read(_ reader: inout SettingReader, credentials: String?) -> ModerationService? {
        let timeLimit = reader.duration(.moderationTimeLimit, in: .milliseconds(100) ... .seconds(600))
        let inFlight = reader.integer(.moderationInFlight, in: 1...256)
        let text = reader.text(.moderationURL)
        guard !text.isEmpty else { return nil }
        var address = HTTPEndpoint(url: text)
        do throws(AddressText.Problem) { address.url = try AddressText.url(text) } catch {
            reader.report(.moderationURL, error.reason)
        }
        do throws(AddressText.Problem) {
            address.credentialFile = try AddressText.credential(
                reader.text(.moderationCredential), in: credentials)
        } catch {
            reader.report(.moderationCredential, error.reason)
        }
        let (authority, model) = (reader.text(.moderationAuthority), reader.text(.moderationModel))
        address.authorityFile = authority.isEmpty ? nil : authority
        return ModerationService(
            address: address, model: model.isEmpty ? nil : model, timeLimit: timeLimit, inFlightMax: inFlight)
    }
}
