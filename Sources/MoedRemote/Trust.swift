/// Tenants whose jobs an endpoint may run.
package enum Trust: Sendable, Equatable {
    /// It is in the house: all tenants'.
    case house
    /// It is outside: those of tenants that may leave the house.
    case outside
    /// It is outside: those of these tenants, if they may leave the house.
    case tenants(Set<String>)

    package var isOutside: Bool { self != .house }

    package func allows(tenant: String, mayLeave: Bool) -> Bool {
        switch self {
        case .house: true
        case .outside: mayLeave
        case .tenants(let names): mayLeave && names.contains(tenant)
        }
    }
}
