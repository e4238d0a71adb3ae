package io.awseventcache.bridge.clouddriver;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Reads JSON (RFC 8259) from front to back, with its caller saying what must come next. Strict: no comments, no trailing commas, no duplicate members, no byte order
 * mark, only UTF-8.
 *
 * <p>Clouddriver has a JSON library, but another version of it in each release, and later ones under other names; the little that is read here is not worth being
 * tied to one of them.
 */
final class JsonReader {

  /** Of objects and arrays in one another. It bounds the stack, which is all that depth could harm. */
  private static final int DEEPEST = 32;

  private final String text;
  private int at;
  private int depth;

  /**
   * Begins to read.
   *
   * @throws IllegalArgumentException when the bytes are not UTF-8
   */
  JsonReader(byte[] bytes) {
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("not UTF-8", e);
    }
  }

  /** Reads an object; {@code member} is given each name and must read its value. */
  void object(Consumer<String> member) {
    enter('{');
    if (!next('}')) {
      Set<String> names = new HashSet<>();
      do {
        String name = string();
        if (!names.add(name)) {
          throw wrong("a member that was there before");
        }
        expect(':');
        member.accept(name);
      } while (next(','));
      expect('}');
    }
    depth--;
  }

  /** Reads an integer within bounds, written without fraction and exponent. */
  long integer(long least, long most) {
    String number = number();
    // Nineteen digits fit into a long.
    if (number.length() > 18 || !number.chars().skip(number.startsWith("-") ? 1 : 0).allMatch(c -> c >= '0' && c <= '9')) {
      throw wrong("no integer from " + least + " to " + most);
    }
    long value = Long.parseLong(number);
    if (value < least || value > most) {
      throw wrong("no integer from " + least + " to " + most);
    }
    return value;
  }

  /** Reads a value of any kind and forgets it. */
  void skip() {
    switch (peek()) {
      case '{':
        object(name -> skip());
        break;
      case '[':
        array();
        break;
      case '"':
        string();
        break;
      case 't':
        word("true");
        break;
      case 'f':
        word("false");
        break;
      case 'n':
        word("null");
        break;
      default:
        number();
    }
  }

  /** There must be nothing more. */
  void end() {
    blanks();
    if (at < text.length()) {
      throw wrong("something after the end");
    }
  }

  private void array() {
    enter('[');
    if (!next(']')) {
      do {
        skip();
      } while (next(','));
      expect(']');
    }
    depth--;
  }

  private String string() {
    expect('"');
    StringBuilder read = new StringBuilder();
    while (true) {
      char c = take();
      if (c == '"') {
        return wellFormed(read.toString());
      }
      if (c < ' ') {
        throw wrong("a control character in a string");
      }
      read.append(c == '\\' ? escaped() : c);
    }
  }

  /** Escapes can write halves of a pair, which are no characters. */
  private String wellFormed(String read) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(read)) {
      throw wrong("half a character in a string");
    }
    return read;
  }

  private char escaped() {
    char c = take();
    switch (c) {
      case '"':
      case '\\':
      case '/':
        return c;
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'u':
        return unit();
      default:
        throw wrong("no such escape");
    }
  }

  private char unit() {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      char c = take();
      int digit = c < 0x80 ? Character.digit(c, 16) : -1;
      if (digit < 0) {
        throw wrong("no hexadecimal digit");
      }
      value = value * 16 + digit;
    }
    return (char) value;
  }

  private String number() {
    blanks();
    int from = at;
    nextRaw('-');
    if (!nextRaw('0')) {
      digits();
    }
    if (nextRaw('.')) {
      digits();
    }
    if (nextRaw('e') || nextRaw('E')) {
      if (!nextRaw('+')) {
        nextRaw('-');
      }
      digits();
    }
    return text.substring(from, at);
  }

  private void digits() {
    int from = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    if (at == from) {
      throw wrong("no digit");
    }
  }

  private void word(String word) {
    if (!text.startsWith(word, at)) {
      throw wrong("no value");
    }
    at += word.length();
  }

  private void enter(char c) {
    expect(c);
    if (++depth > DEEPEST) {
      throw wrong("too deep");
    }
  }

  private char peek() {
    blanks();
    if (at == text.length()) {
      throw wrong("the end");
    }
    return text.charAt(at);
  }

  private char take() {
    if (at == text.length()) {
      throw wrong("the end");
    }
    return text.charAt(at++);
  }

  private void expect(char c) {
    if (!next(c)) {
      throw wrong("no " + c);
    }
  }

  private boolean next(char c) {
    blanks();
    return nextRaw(c);
  }

  private boolean nextRaw(char c) {
    if (at < text.length() && text.charAt(at) == c) {
      at++;
      return true;
    }
    return false;
  }

  private void blanks() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private IllegalArgumentException wrong(String what) {
    return new IllegalArgumentException("not the JSON that was expected: " + what + " at character " + at);
  }
}
