import MoedCore
package import MoedRemote
package import MoedRemoteHTTP
package import MoedSettings

/// One entry of `endpoints`, checked.
package struct EndpointSettings: Sendable, Equatable {
    package var endpoint: Endpoint
    package var address: HTTPEndpoint
}

extension EndpointSettings {
    private static let nameCharactersMax = 64

    /// Checks the list `endpoints`. Each problem names file and line.
    ///
    /// - Parameters:
    ///   - served: name of the model here, for entries that name none.
    ///   - credentials: directory of the unit's credentials; nil outside of a unit.
    package static func read(
        _ texts: [EndpointText], served: String, credentials: String?, report: (String) -> Void
    ) -> [EndpointSettings] {
        var names: Set<String> = []
        return texts.compactMap { text in
            var reader = EndpointReader(text: text)
            let settings = reader.read(served: served, credentials: credentials)
            if let name = settings?.endpoint.name, !names.insert(name).inserted {
                reader.report(.identifier, "is the name of two endpoints: “\(name)”")
            }
            reader.problems.forEach(report)
            return settings
        }
    }

    private struct EndpointReader {
        let text: EndpointText
        var problems: [String] = []

        mutating func report(_ key: EndpointKey, _ reason: String) {
            problems.append("\(text.origin(key)): endpoints: \(key.name) \(reason)")
        }

        mutating func read(served: String, credentials: String?) -> EndpointSettings? {
            let name = text.text(.identifier)
            let isName =
                !name.isEmpty && name.utf8.count <= EndpointSettings.nameCharactersMax
                && name.utf8.allSatisfy { byte in
                    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
                        || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte || [0x2D, 0x2E, 0x5F].contains(byte)
                }
            if !isName { report(.identifier, "must be a word of letters, digits, -, _ and .") }
            let url = url()
            let word = text.text(.api)
            let api = Endpoint.API(rawValue: word)
            if api == nil { report(.api, "must be tokens or chat") }
            let model = text.text(.model)
            let credential = credential(credentials)
            let inFlight = inFlight()
            let prices = prices()
            let trust = trust()
            let (thinkingSwitch, thinkingBudget) = (path(.thinkingSwitch), path(.thinkingBudget))
            guard problems.isEmpty, let api, let url else { return nil }
            let authority = text.text(.authority)
            var endpoint = Endpoint(
                name: name, api: api, model: model.isEmpty ? served : model, maxInFlight: inFlight)
            endpoint.prices = prices
            endpoint.trust = trust
            if api == .chat { (endpoint.thinkingSwitch, endpoint.thinkingBudget) = (thinkingSwitch, thinkingBudget) }
            return EndpointSettings(
                endpoint: endpoint,
                address: HTTPEndpoint(
                    url: url, credentialFile: credential, authorityFile: authority.isEmpty ? nil : authority))
        }

        private mutating func url() -> String? {
            do throws(AddressText.Problem) { return try AddressText.url(text.text(.url)) } catch {
                report(.url, error.reason)
                return nil
            }
        }

        private mutating func credential(_ directory: String?) -> String? {
            do throws(AddressText.Problem) {
                return try AddressText.credential(text.text(.credential), in: directory)
            } catch {
                report(.credential, error.reason)
                return nil
            }
        }

        /// Path of a member: names with points between them. Nil for none.
        private mutating func path(_ key: EndpointKey) -> [String]? {
            let word = text.text(key)
            guard !word.isEmpty, word != "none" else { return nil }
            let names = word.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            let isPath = names.allSatisfy { name in
                !name.isEmpty && name.utf8.count <= 64 && name.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 0x22 }
            }
            if !isPath || names.count > 8 {
                report(key, "must be names with points between them, such as reasoning.max_tokens")
            }
            return names
        }

        private mutating func trust() -> Trust {
            switch text.text(.trust) {
            case "house": return .house
            case "outside": return .outside
            case let list:
                let names = list.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
                if names.contains(where: { $0.isEmpty || $0.unicodeScalars.count > 128 }) {
                    report(.trust, "must be house, outside, or names of tenants with commas between them")
                }
                return .tenants(Set(names))
            }
        }

        private static func trimmed(_ text: Substring) -> String {
            var text = text.drop(while: \.isWhitespace)
            while text.last?.isWhitespace == true { text.removeLast() }
            return String(text)
        }

        /// Prices, all or none. Without one for cached tokens, they cost what others do.
        private mutating func prices() -> TokenPrices? {
            let (prompt, completion) = (price(.promptPrice), price(.completionPrice))
            let cached = price(.cachedPrice)
            guard let prompt, let completion else {
                if prompt != nil || completion != nil || cached != nil {
                    let missing = prompt == nil ? EndpointKey.promptPrice : .completionPrice
                    report(missing, "is missing: an endpoint has prices for both")
                }
                return nil
            }
            return TokenPrices(prompt: prompt, cached: cached ?? prompt, completion: completion)
        }

        private mutating func price(_ key: EndpointKey) -> String? {
            let word = text.text(key)
            guard !word.isEmpty else { return nil }
            let parts = word.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            let isDecimal = parts.allSatisfy {
                (1...9).contains($0.utf8.count) && $0.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            }
            if !isDecimal { report(key, "must be a decimal number such as 0.25, with at most 9 digits on each side") }
            return isDecimal ? word : nil
        }

        private mutating func inFlight() -> Int? {
            let word = text.text(.maxInFlight)
            if word == "auto" { return nil }
            guard let number = Int(word), (1...4096).contains(number) else {
                report(.maxInFlight, "must be auto or a whole number in 1…4096")
                return nil
            }
            return number
        }
    }
}
