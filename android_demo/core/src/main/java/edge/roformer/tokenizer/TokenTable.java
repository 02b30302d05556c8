package edge.roformer.tokenizer;

import edge.roformer.BundleException;
import edge.roformer.RoFormerException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which tokens a tokenizer has: the vocabulary, and those that were added.
 *
 * <p>The two families of transformers add the tokens of saved settings in ways of their own, which decide ids.
 */
final class TokenTable {
  final Vocabulary vocabulary;
  final Settings settings;
  // by id, in the order in which they came
  final Map<Integer, AddedToken> added = new LinkedHashMap<>();
  final Map<String, Integer> addedIds = new HashMap<>();
  // of the fast family: contents in the order in which they were added, special ones apart
  final Set<String> specialFirst = new LinkedHashSet<>();
  final List<String> others = new ArrayList<>();

  TokenTable(Vocabulary vocabulary, Settings settings) {
    this.vocabulary = vocabulary;
    this.settings = settings;
    Set<String> known = new LinkedHashSet<>();
    for (AddedToken token : settings.added.values()) {
      known.add(token.content);
    }
    for (Map.Entry<String, String> named : settings.named.entrySet()) {
      if (inVocabulary(named.getValue()) == TokenMap.NONE && !known.contains(named.getValue())) {
        throw new BundleException("the tokenizer's " + named.getKey() + " "
            + RoFormerException.quoted(named.getValue()) + " is not among the tokens of the vocabulary");
      }
    }
    if (settings.mode.equals("slow")) {
      registerSlow(known);
    } else {
      registerFast(known);
    }
  }

  private void registerSlow(Set<String> known) {
    for (Map.Entry<Integer, AddedToken> entry : settings.added.entrySet()) {
      added.put(entry.getKey(), entry.getValue());
      addedIds.put(entry.getValue().content, entry.getKey());
    }
    int next = size();
    for (String content : settings.special) {
      boolean isNamed = settings.named.containsValue(content);
      if (known.contains(content) && !isNamed) {
        continue;
      }
      Integer present = addedIds.get(content);
      AddedToken token = present == null ? AddedToken.special(content) : added.get(present).asSpecial();
      int id = present == null ? inVocabulary(content) : present;
      boolean isNew = id == TokenMap.NONE;
      register(isNew ? next++ : id, token, isNew);
    }
  }

  private void registerFast(Set<String> known) {
    List<AddedToken> tokens = new ArrayList<>();
    for (AddedToken token : settings.addedInOrder()) {
      tokens.add(settings.special.contains(token.content) ? token.asSpecial() : token);
    }
    for (String content : settings.special) {
      if (!known.contains(content)) {
        tokens.add(AddedToken.special(content));
      }
    }
    for (AddedToken token : tokens) {
      if (token.special) {
        specialFirst.add(token.content);
      }
    }
    int next = vocabulary.size();
    for (AddedToken token : tokens) {
      int id = find(token.content);
      if (id != TokenMap.NONE && token.sameAs(added.get(id))) {
        continue;
      }
      boolean isNew = id == TokenMap.NONE;
      id = isNew ? next : id;
      next = Math.max(next, id + 1);
      register(id, token, isNew);
      if (!specialFirst.contains(token.content)) {
        others.add(token.content);
      }
    }
  }

  private void register(int id, AddedToken token, boolean isNew) {
    AddedToken holder = added.get(id);
    String other = holder != null ? holder.content : isNew ? token(id) : null;
    if (other != null && !other.equals(token.content)) {
      throw new BundleException("the added token " + RoFormerException.quoted(token.content) + " would get the id " + id
          + ", which " + RoFormerException.quoted(other) + " has");
    }
    added.put(id, token);
    addedIds.put(token.content, id);
  }

  private int inVocabulary(String token) {
    return vocabulary.ids().get(CodePoints.of(token, "a token"));
  }

  /** Looks up the id of a token, or {@code NONE}. */
  int find(String token) {
    Integer id = addedIds.get(token);
    return id == null ? inVocabulary(token) : id;
  }

  /** Looks up the id of a token, or that of the unknown token. */
  int idOf(String token) {
    int id = find(token);
    return id == TokenMap.NONE ? find(settings.named.get("unk_token")) : id;
  }

  /** Returns the token that has an id, or null. */
  String token(int id) {
    AddedToken token = added.get(id);
    return token == null ? vocabulary.token(id) : token.content;
  }

  /** Counts the different tokens, added ones included. */
  int size() {
    int size = vocabulary.size();
    for (String content : addedIds.keySet()) {
      size += inVocabulary(content) == TokenMap.NONE ? 1 : 0;
    }
    return size;
  }

  /** Returns one more than the largest id. */
  int rows() {
    int rows = vocabulary.lines();
    for (int id : added.keySet()) {
      rows = Math.max(rows, id + 1);
    }
    return rows;
  }

  /** Returns the vocabulary with the ids of added tokens that are in it; the vocabulary itself where all agree. */
  TokenMap overridden() {
    TokenMap ids = vocabulary.ids();
    for (Map.Entry<String, Integer> entry : addedIds.entrySet()) {
      int id = inVocabulary(entry.getKey());
      if (id != TokenMap.NONE && id != entry.getValue()) {
        ids = ids == vocabulary.ids() ? ids.copy() : ids;
        ids.put(CodePoints.of(entry.getKey(), "a token"), entry.getValue());
      }
    }
    return ids;
  }
}
