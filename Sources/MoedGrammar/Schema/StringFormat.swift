import MoedAutomata
import Synchronization

/// Automata of the formats of JSON Schema.
enum StringFormat {
    /// Automaton of a format; nil for one that restricts nothing here.
    static func dfa(_ name: String) throws(GrammarError) -> DFA? {
        guard let pattern = patterns[name] else { return nil }
        if let known = built.withLock({ $0[name] }) { return known }
        var dfa = try DFABuilder.build(try RegexParser.parse(pattern), searches: false)
        // A host's name has 253 characters at most.
        if name == "hostname" { dfa = try DFABuilder.intersection(dfa, DFABuilder.lengths(1, 253)) }
        built.withLock { $0[name] = dfa }
        return dfa
    }

    private static let built = Mutex<[String: DFA]>([:])

    /// True for formats of the standard that are known and not enforced.
    static func isUnsupported(_ name: String) -> Bool { unsupported.contains(name) }

    private static let unsupported: Set<String> = ["regex", "idn-hostname", "iri", "iri-reference"]

    private static let day = "(?:(?:0[1-9]|1[0-9]|2[0-8]))"
    /// Every date of the calendar. 29 February needs a leap year.
    private static let date = {
        let month31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
        let month30 = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
        let february = "02-(?:0[1-9]|1[0-9]|2[0-8])"
        let leap = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29"
        // Year 0000 is no year in Python.
        return
            "(?:(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-(?:\(month31)|\(month30)|\(february))|\(leap))"
    }()
    private static let clock = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"
    private static let zone = "(?:[zZ]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

    /// A label of a host's name, without two hyphens at its third place: those mark encodings of other alphabets.
    private static let label: String = {
        let (l, h) = ("[a-zA-Z0-9]", "[a-zA-Z0-9-]")
        return "(?:\(l)|\(l)\(l)|\(l)\(h)\(l)|\(l)\(h)(?:\(l)\(l)|-\(l))|"
            + "\(l)\(h)(?:\(l)\(l)|\(l)-|-\(l))\(h){0,58}\(l))"
    }()
    private static let hostname = "\(label)(?:\\.\(label))*"
    private static let byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    private static let ipv4 = "(?:\(byte)\\.){3}\(byte)"
    private static let ipv6: String = {
        let h = "[0-9a-fA-F]{1,4}"
        let last = "(?:\(h):\(h)|\(ipv4))"
        return [
            "(?:\(h):){6}\(last)", "::(?:\(h):){5}\(last)", "(?:\(h))?::(?:\(h):){4}\(last)",
            "(?:(?:\(h):){0,1}\(h))?::(?:\(h):){3}\(last)", "(?:(?:\(h):){0,2}\(h))?::(?:\(h):){2}\(last)",
            "(?:(?:\(h):){0,3}\(h))?::\(h):\(last)", "(?:(?:\(h):){0,4}\(h))?::\(last)",
            "(?:(?:\(h):){0,5}\(h))?::\(h)", "(?:(?:\(h):){0,6}\(h))?::",
        ].map { "(?:\($0))" }.joined(separator: "|")
    }()

    private static let pct = "%[0-9A-Fa-f]{2}"
    private static let pchar = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|\(pct))"
    private static let authority =
        "(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|\(pct))*@)?(?:\\[(?:\(ipv6))\\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|\(pct))*)"
        + "(?::[0-9]{0,5})?"
    private static let tail = "(?:\\?(?:\(pchar)|[/?])*)?(?:#(?:\(pchar)|[/?])*)?"
    private static let uri =
        "[A-Za-z][A-Za-z0-9+.-]*:(?://\(authority)(?:/\(pchar)*)*|/(?:\(pchar)+(?:/\(pchar)*)*)?|"
        + "\(pchar)+(?:/\(pchar)*)*|)\(tail)"
    private static let uriReference: String = {
        let first = "(?:[A-Za-z0-9._~!$&'()*+,;=@-]|\(pct))+"
        let relative =
            "(?://\(authority)(?:/\(pchar)*)*|/(?:\(pchar)+(?:/\(pchar)*)*)?|\(first)(?:/\(pchar)*)*|)\(tail)"
        return "(?:\(uri))|(?:\(relative))"
    }()
    private static let template: String = {
        let name = "(?:[A-Za-z0-9_]|\(pct))+(?:\\.(?:[A-Za-z0-9_]|\(pct))+)*(?::[1-9][0-9]{0,3}|\\*)?"
        let literal = "[!#$&(-;=?-\\[\\]_a-z~]"
        return "(?:\(literal)|\(pct)|\\{[+#./;?&]?\(name)(?:,\(name))*\\})*"
    }()

    private static let duration: String = {
        let time = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
        let date = "(?:[0-9]+D|[0-9]+M(?:[0-9]+D)?|[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?)"
        return "P(?:\(date)(?:\(time))?|\(time)|[0-9]+W)"
    }()

    private static let atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    private static let pointer = "(?:/(?:[^~/]|~[01])*)*"

    private static let patterns: [String: String] = [
        "date": date, "time": clock + zone, "date-time": "\(date)[tT]\(clock)\(zone)", "duration": duration,
        "email": "\(atom)(?:\\.\(atom))*@\(label)(?:\\.\(label)){0,2}",
        "idn-email": "(?:[^\\x00-\\x20@\"(),:;<>\\[\\\\\\]])+@\(label)(?:\\.\(label)){0,2}",
        "hostname": hostname, "ipv4": ipv4, "ipv6": ipv6,
        "uuid": "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "uri": uri, "uri-reference": uriReference, "uri-template": template,
        "json-pointer": pointer, "relative-json-pointer": "(?:0|[1-9][0-9]{0,8})(?:#|\(pointer))",
    ]
}
