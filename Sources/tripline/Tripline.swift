@main
struct Tripline {
    static func main() {}
}
