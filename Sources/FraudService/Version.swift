/// The program's version (https://semver.org).
package enum Version {
    package static let text = "0.1.0"
}
