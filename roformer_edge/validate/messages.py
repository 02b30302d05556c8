"""What the page of a report says, in English and in Chinese. One row a message; values stand where names in braces do.

Terms: candidate 待测模型, reference 参考模型, gate 门槛, budget 允许下降, drop 下降（正数表示变差）, label 标签,
gold 标准答案, interval 置信区间, calibration 校准.
"""

from __future__ import annotations

from collections.abc import Mapping

# noun that something is counted by -> with its measure word
COUNTED: Mapping[str, str] = {
    "answer": "个答案",
    "candidate": "个待测模型",
    "example": "条样本",
    "gate": "项门槛",
    "input": "条输入",
    "pair": "对",
    "run": "次运行",
    "thread": "个线程",
}

# whole sentences that a report holds
STORED: Mapping[str, str] = {
    "fresh process: opened, then answered {number} input one at a time": (
        "独立进程：打开模型后逐条回答 {number} 条输入"
    ),
    "fresh process: opened, then answered {number} inputs one at a time": (
        "独立进程：打开模型后逐条回答 {number} 条输入"
    ),
    "not measured: it was not asked for": "未测量：没有要求测量",
    "not measured: only a bundle or a checkpoint can be opened in a fresh process": (
        "未测量：只有部署包或检查点可以在独立进程中打开"
    ),
    "not measured: the fresh process failed: {reason}": "未测量：独立进程失败：{reason}",
    "not measured: this system does not tell a process its peak": "未测量：本系统不提供进程的内存峰值",
    "not measured: the reference has none of it": "未测量：参考模型没有这一项",
    "not measured": "未测量",
    "more than {number} characters": "超过 {number} 个字符",
    "{low}–{high} characters": "{low}–{high} 个字符",
    "empty": "空文本",
    "Timed in turns at the lengths of {texts}, {threads}, fastest of {rounds} runs of the graph in ms{clock}. The "
    "quickest within {rule} is chosen; within {share} % of its time, the one with the smallest error.": (
        "按 {texts} 的长度轮流计时（{threads}；取 {rounds} 次运行中最快的一次，单位毫秒{clock}）。"
        "在 {rule} 以内选最快者；时间相差不超过 {share} % 时选误差最小者。"
    ),
}

# parts of what a sentence vector is made of
PHRASES: Mapping[str, str] = {
    "the sum of the states over the square root of their number": "各状态之和除以其个数的平方根",
    "the mean of the states, each counted as often as its position says": "按位置加权的状态平均值",
    "the largest value of each channel": "各通道的最大值",
    "the state of the last token": "最后一个词元的状态",
    "the state of [CLS]": "[CLS] 的状态",
    "the mean of the states": "各状态的平均值",
    "a dense layer (": "全连接层（",
    ") to ": "），输出 ",
    " with the activation ": " 维，激活函数 ",
    "a layer norm": "层归一化",
    "divided by its length": "除以自身长度",
    " beside ": "与",
    ", ": "，",
}

CHINESE: Mapping[str, str] = {
    # numbers and their units
    "{number} %": "{number}%",
    "{number} ms": "{number} 毫秒",
    "{number} points": "{number} 个百分点",
    "{date} {time} UTC": "{year}年{month}月{day}日 {time}（UTC）",
    "{low} to {high}": "{low} 至 {high}",
    "{low} to {high} %": "{low}% 至 {high}%",
    "{shown} of {total}": "{total} 条中的 {shown} 条",
    "{value} ({note})": "{value}（{note}）",
    "{number} more": "其余 {number} 项",
    ", ": "，",
    "; ": "；",
    # the head of the page
    "Validation": "验证",
    "Validation of {name}": "{name} 的验证报告",
    "against {name}": "对照 {name}",
    "{candidate} against {reference}": "{candidate}，对照 {reference}",
    "Contents": "目录",
    "text-classification": "文本分类",
    "text-classification/multi-label": "文本分类（多标签）",
    "text-classification/regression": "文本回归",
    "token-classification": "实体识别（词元分类）",
    "question-answering": "抽取式问答",
    "multiple-choice": "多项选择",
    "fill-mask": "掩码填空",
    "text-generation": "文本生成",
    "feature-extraction": "句向量（特征提取）",
    # the verdict
    "{name} did not change": "{name}没有变化",
    "{name} dropped by {amount}": "{name}降低 {amount}",
    "{name} rose by {amount}": "{name}升高 {amount}",
    "{moved}.": "{moved}。",
    "{moved}; a drop of {budget} is allowed.": "{moved}；允许变差 {budget}。",
    "No budget set": "未设允许下降",
    "Over the budget": "超出允许下降",
    "Within the budget": "在允许下降之内",
    "All gates hold": "全部门槛通过",
    "{broken} of {gates} broken": "{gates}中有 {broken} 项未通过",
    " Broken: {asked}, found {found}.": "未通过：{asked}，实测 {found}。",
    "No answer became better or worse on {examples}.": "在 {examples}上，没有答案变好或变差。",
    "No verdict changed. On {examples}, a drop of up to {points} points could go unseen.": (
        "没有答案的对错发生变化。仅凭 {examples}，不超过 {points} 个百分点的下降可能看不出来。"
    ),
    "The {confidence} % interval of the drop on {examples} is {low} to {high} points": (
        "在 {examples}上，下降的 {confidence}% 置信区间为 {low} 至 {high} 个百分点"
    ),
    "{span}.": "{span}。",
    "{span}: it reaches beyond the budget, so more data could still turn the verdict.": (
        "{span}：上端超出允许下降，更多数据仍可能改变结论。"
    ),
    "{span}: it reaches into the budget, so more data could still turn the verdict.": (
        "{span}：下端落在允许下降之内，更多数据仍可能改变结论。"
    ),
    "{span}: all of it within the budget.": "{span}：全部在允许下降之内。",
    "{span}: all of it over the budget.": "{span}：全部超出允许下降。",
    "Drop in {name}": "{name}的下降",
    "Drop in {name}, percentage points; left is better.": "{name}的下降，单位为百分点；越靠左越好。",
    "Drop in {name}; left is better.": "{name}的下降；越靠左越好。",
    "Drop {drop}, interval {low} to {high}, {budget}.": "下降 {drop}，置信区间 {low} 至 {high}，{budget}。",
    "budget {budget}": "允许下降 {budget}",
    "no budget": "未设允许下降",
    # headline figures
    "reference": "参考模型",
    "candidate": "待测模型",
    "Reference": "参考模型",
    "Candidate": "待测模型",
    "reference {value}": "参考模型 {value}",
    "drop {amount}": "下降 {amount}",
    "no drop": "没有下降",
    "Same answer": "答案相同",
    "Same entities": "实体相同",
    "Same guess": "猜测相同",
    "Same next token": "下一词元相同",
    "Same nearest neighbour": "最近邻相同",
    "Same value to 1 % of the range": "数值相同（误差不超过值域的 1%）",
    "{number} of {total} differ": "{total} 个中有 {number} 个不同",
    "Model size": "模型大小",
    "Latency, median": "延迟（中位数）",
    "Peak memory": "内存峰值",
    "no files": "没有文件",
    "all files {size}": "全部文件 {size}",
    "not measured": "未测量",
    "{factor}× smaller": "缩小为原来的 1/{factor}",
    "{factor}× larger": "增大为原来的 {factor} 倍",
    "{factor}× faster": "速度是原来的 {factor} 倍",
    "{factor}× slower": "耗时是原来的 {factor} 倍",
    "{factor}× less": "减少为原来的 1/{factor}",
    "{factor}× more": "增加为原来的 {factor} 倍",
    "equal": "相同",
    # gates and the earlier report
    "Gates": "门槛",
    "What the build stops on.": "任何一项不通过，构建即停止。",
    "Gate": "门槛",
    "Found": "实测",
    "Verdict": "结论",
    "holds": "通过",
    "fails": "未通过",
    "Since the earlier report": "与先前报告相比",
    "Since {name} ({recipe}, {created}).": "先前的待测模型：{name}（{recipe}，{created}）。",
    " No answer changed.": "没有答案发生变化。",
    " {answers} changed: {worse} worse, {better} better, {neither} neither.": (
        "{answers}发生变化：{worse} 个变差，{better} 个变好，{neither} 个好坏不变。"
    ),
    "What else differs: {listed}.": "其他不同之处：{listed}。",
    "{what}: {before}, now {now}": "{what}：先前 {before}，现在 {now}",
    "recipe of the reference": "参考模型的量化方案",
    "engine of the reference": "参考模型的推理引擎",
    "engine of the candidate": "待测模型的推理引擎",
    "where the candidate computes": "待测模型的计算设备",
    "threads of the candidate": "待测模型的线程数",
    "inputs the candidate computes at once": "待测模型的批大小",
    "whether long texts are cut": "是否截断长文本",
    "machine": "机器",
    "version of roformer-edge": "roformer-edge 的版本",
    "True": "是",
    "False": "否",
    "None": "未知",
    "Figure": "指标",
    "Earlier": "先前",
    "Now": "现在",
    "Drop": "下降",
    "better": "变好",
    "worse": "变差",
    "Answers that became worse": "变差的答案",
    "Answers that became better": "变好的答案",
    "Other answers, as good or bad": "改变但好坏不变的答案",
    "agreement": "一致率",
    "model size": "模型大小",
    "latency, median": "延迟（中位数）",
    "peak memory": "内存峰值",
    # figures
    "Figures": "指标",
    "With {confidence} % intervals: how far another sample of the same size might move each figure. A drop is what the "
    "candidate lost: positive is a loss everywhere on this page.": (
        "附 {confidence}% 置信区间，即换一批同样多的样本时各指标可能变动的范围。“下降”指待测模型损失了多少："
        "本页中正数一律表示变差。"
    ),
    " (lower is better)": "（越低越好）",
    "accuracy": "准确率",
    "macro-F1": "宏平均 F1 值",
    "micro-F1": "微平均 F1 值",
    "subset accuracy": "完全匹配率",
    "Pearson": "皮尔逊相关系数",
    "Spearman": "斯皮尔曼相关系数",
    "mean squared error": "均方误差",
    "F1": "F1 值",
    "strict F1": "严格 F1 值",
    "precision": "精确率",
    "recall": "召回率",
    "exact match": "精确匹配率",
    "masked-token accuracy": "掩码词元准确率",
    "pseudo-perplexity": "伪困惑度",
    "next-token accuracy": "下一词元准确率",
    "perplexity": "困惑度",
    "cosine similarity": "余弦相似度",
    "recall of 10 neighbours": "前 10 近邻召回率",
    "rank correlation of similarities": "相似度的秩相关系数",
    "Who was right": "对错对照",
    "Every example is in one of the four fields. Only the two off the diagonal move the {figure}.": (
        "每条样本落在四格之一；只有对角线以外的两格会改变{figure}。"
    ),
    "candidate right": "待测模型答对",
    "candidate wrong": "待测模型答错",
    "reference right": "参考模型答对",
    "reference wrong": "参考模型答错",
    "both right": "都答对",
    "both wrong": "都答错",
    "✗ broken": "✗ 由对变错",
    "✓ fixed": "✓ 由错变对",
    "McNemar’s test, mid-p: {p} (chance of a split at least this uneven if neither side were better).": (
        "McNemar 检验（mid-p）：{p}（若两个模型并无优劣，出现至少如此悬殊差异的概率）。"
    ),
    "below 0.0001": "小于 0.0001",
    # evidence of the tasks
    "Label by label": "按标签",
    "Kind by kind": "按实体类型",
    "F1 of each label, the largest loss first.": "各标签的 F1，变差最多的在前。",
    "F1 of each kind, the largest loss first.": "各类实体的 F1，变差最多的在前。",
    " {absent} more occur neither in the data nor in the answers.": "另有 {absent} 个在数据和答案中均未出现。",
    " F1 is 0 on both sides, never right on either, of: {names}.": "两个模型的 F1 均为 0（从未答对）：{names}。",
    "{shown} and {more} more": "{shown}，以及另外 {more} 个",
    "label": "标签",
    "kind": "实体类型",
    "examples": "样本数",
    "entities": "实体数",
    "questions": "题数",
    "tokens": "词元数",
    "Confusion": "混淆情况",
    "Which gold label got which answer.": "各标准答案得到了什么回答。",
    "Kinds in the same place, most frequent first; a dash is no entity there.": (
        "同一位置上的实体类型，最常见的在前；“–”表示该处没有实体。"
    ),
    "answer": "回答",
    "gold ↓ answer →": "标准 ↓ 回答 →",
    "Of {names} names, the {pairs} that are confused most.": "在 {names} 个名称中，混淆最多的 {pairs}。",
    "Changed answers": "改变的答案",
    "Which answer became which.": "哪个答案变成了哪个。",
    " The {shown} most frequent of {total}.": "列出 {total} 种中最常见的 {shown} 种。",
    "broken": "由对变错",
    "fixed": "由错变对",
    "How far the logits moved": "输出值（logit）变动了多少",
    "How far the values moved": "数值变动了多少",
    "Not at all: every logit of the candidate equals the reference’s, bit for bit.": (
        "没有变动：待测模型的每个输出值都与参考模型逐位相同。"
    ),
    "Not at all: every value of the candidate equals the reference’s, bit for bit.": (
        "没有变动：待测模型的每个数值都与参考模型逐位相同。"
    ),
    "By {mean} on average{share} and by {worst} at most.": "平均变动 {mean}{share}，最多变动 {worst}。",
    " ({share} % of their spread)": "（为其标准差的 {share}%）",
    " Cosine {mean} on average, {worst} at worst.": "余弦相似度平均 {mean}，最差 {worst}。",
    "Logit differences, candidate minus reference": "输出值之差：待测模型减参考模型",
    "Value differences, candidate minus reference": "数值之差：待测模型减参考模型",
    "Candidate minus reference, all logits": "待测模型减参考模型，全部输出值",
    "Candidate minus reference, all values": "待测模型减参考模型，全部数值",
    "Logits of the candidate over logits of the reference": "待测模型与参考模型的输出值",
    "Values of the candidate over values of the reference": "待测模型与参考模型的数值",
    "Candidate (up) over reference (across), {number} logits, the largest moves among them; equal on the diagonal": (
        "纵轴为待测模型，横轴为参考模型，共 {number} 个输出值，含变动最大者；对角线上两者相等"
    ),
    "Candidate (up) over reference (across), {number} values, the largest moves among them; equal on the diagonal": (
        "纵轴为待测模型，横轴为参考模型，共 {number} 个数值，含变动最大者；对角线上两者相等"
    ),
    "Against the gold values": "与标准数值对照",
    "Values of the candidate over gold values": "待测模型的数值与标准数值",
    "Candidate (up) over gold (across), {number} texts, the worst among them": (
        "纵轴为待测模型，横轴为标准数值，共 {number} 条文本，含偏差最大者"
    ),
    "What was wrong": "错在哪里",
    "Entities that are not right, and gold entities that nothing overlaps.": (
        "识别错误的实体，以及完全没有被识别到的标准实体。"
    ),
    "entity": "实体",
    "right place, another kind": "位置正确，类型不同",
    "overlaps a gold entity, other borders": "与标准实体重叠，边界不同",
    "where there is none": "此处本无实体",
    "not found at all": "完全漏掉",
    "How right the answers are": "答案的正确程度",
    "No answer changed.": "没有答案发生变化。",
    "Of the answers that changed, {both} begin and end elsewhere, {starts} begin elsewhere only, {ends} end elsewhere "
    "only.": "在改变的答案中，{both} 个起止位置都不同，{starts} 个仅起点不同，{ends} 个仅终点不同。",
    "right": "正确",
    "exactly": "完全正确",
    "partly": "部分正确",
    "not at all": "完全不对",
    "By the position of the right choice": "按正确选项的位置",
    "A side that prefers a position chooses it more often than it is right.": (
        "偏爱某一位置的模型，选择该位置的次数会多于它正确的次数。"
    ),
    "position": "位置",
    "chosen by the reference": "参考模型选择次数",
    "by the candidate": "待测模型选择次数",
    "How far the probabilities moved": "概率变动了多少",
    "Differences of probabilities, candidate minus reference": "概率之差：待测模型减参考模型",
    "Candidate minus reference, all choices": "待测模型减参考模型，全部选项",
    "Probabilities of the candidate over those of the reference": "待测模型与参考模型的概率",
    "Candidate (up) over reference (across), {number} choices, the largest moves among them; equal on the diagonal": (
        "纵轴为待测模型，横轴为参考模型，共 {number} 个选项，含变动最大者；对角线上两者相等"
    ),
    "By kind of token": "按词元种类",
    "token": "词元",
    "one ideograph": "单个汉字",
    "a word of several": "多字词",
    "letters and digits": "字母与数字",
    "punctuation and others": "标点及其他",
    "How far the log-probabilities moved": "对数概率变动了多少",
    "Of the tokens that were to be guessed; natural logarithms.": "针对需要猜测的词元；自然对数。",
    "Differences of log-probabilities, candidate minus reference": "对数概率之差：待测模型减参考模型",
    "Candidate minus reference, all tokens": "待测模型减参考模型，全部词元",
    "Log-probabilities of the candidate over those of the reference": "待测模型与参考模型的对数概率",
    "Candidate (up) over reference (across), {number} tokens, the largest moves among them; equal on the diagonal": (
        "纵轴为待测模型，横轴为参考模型，共 {number} 个词元，含变动最大者；对角线上两者相等"
    ),
    "How far the similarities moved": "相似度变动了多少",
    "Cosines of the vectors of two texts, among {number} texts; a vector is {pooling}. The worst vector keeps a cosine "
    "of {cosine} with the reference’s.": (
        "{number} 条文本两两之间向量的余弦相似度；向量的取法：{pooling}。最差的向量与参考模型的余弦相似度为 {cosine}。"
    ),
    "Differences of similarities, candidate minus reference": "相似度之差：待测模型减参考模型",
    "Candidate minus reference, pairs of texts": "待测模型减参考模型，文本对",
    "Similarities of the candidate over those of the reference": "待测模型与参考模型的相似度",
    "Candidate (up) over reference (across), {number} pairs of texts, the largest moves among them; equal on the "
    "diagonal": "纵轴为待测模型，横轴为参考模型，共 {number} 对文本，含变动最大者；对角线上两者相等",
    "{number} differences, the largest of {limit}; the fullest of {bins} bins holds {most}.": (
        "{number} 个差值，最大为 {limit}；{bins} 个区间中最多的一个含 {most} 个。"
    ),
    "{number} pairs; equal ones lie on the diagonal.": "{number} 对；相等者位于对角线上。",
    # calibration and slices
    "Calibration": "校准",
    "Whether answers are right as often as their probability says. The expected calibration error (ECE) is the mean "
    "distance between the two, over {bins} bins of probability: 0 is best.": (
        "答案的正确率是否与其概率相符。期望校准误差（ECE）是二者之差在 {bins} 个概率区间上的加权平均：0 为最好。"
    ),
    "mean probability": "平均概率",
    "Chosen by measurement": "按测量结果选出",
    "left out": "未参与",
    "reason": "原因",
    "format": "格式",
    "preset": "预设",
    "drop": "下降",
    "recipe": "配方",
    "mean": "平均",
    "error": "误差",
    "same %": "一致率 %",
    "verdict": "结论",
    "Reliability of both sides": "两个模型的可靠性曲线",
    "Share of right answers (up) over their probability (across), larger dots for more answers, {number} of each side; "
    "below the diagonal a side is too sure": (
        "纵轴为答案的正确率，横轴为答案的概率，点越大答案越多，每个模型 {number} 个答案；低于对角线表示过于自信"
    ),
    "Expected calibration error: reference {reference}; candidate {candidate}.": (
        "期望校准误差：参考模型 {reference}；待测模型 {candidate}。"
    ),
    "By {key}": "按{key}",
    "length": "长度",
    "(none)": "（无）",
    # examples
    "Worth reading": "值得一看的样本",
    "Within each group, the answers that changed most surprisingly come first.": "每组之中，变化最出人意料的答案在前。",
    "No answer changed; these examples moved most.": "没有答案发生变化；以下是输出变动最大的样本。",
    "Only the reference was right": "只有参考模型答对",
    "Only the candidate was right": "只有待测模型答对",
    "Both wrong, in different ways": "都答错，但答案不同",
    "Same answer, outputs moved most": "答案相同，输出变动最大",
    "The candidate is worse": "待测模型更差",
    "The candidate is better": "待测模型更好",
    "Different answers, equally good": "答案不同，好坏相当",
    "Another nearest neighbour": "最近邻不同",
    "Same nearest neighbour, vectors moved most": "最近邻相同，向量变动最大",
    "Asked": "输入",
    "Gold": "标准答案",
    "gold": "标准答案",
    "Answer": "回答",
    "Moved by": "变动",
    "Cosine distance": "余弦距离",
    "line {number}": "第 {number} 行",
    "number {number}": "第 {number} 条",
    "text": "文本",
    "text_pair": "第二文本",
    "context": "上下文",
    "question": "问题",
    # what it costs to run
    "What it costs to run": "运行开销",
    "Not measured.": "未测量。",
    "Latency": "延迟",
    "From input to answer, one at a time, {inputs}, the two sides in turn, the fastest of {runs}. On the median input "
    "the candidate takes {ratio} times as long as the reference.": (
        "从输入到答案，逐条计时，共 {inputs}，两个模型轮流运行，取 {runs}中最快的一次。以中位数计，"
        "待测模型的耗时是参考模型的 {ratio} 倍。"
    ),
    "Median": "中位数",
    "90th percentile": "第 90 百分位",
    "99th percentile": "第 99 百分位",
    "Size": "大小",
    "All files; the paler part is everything but the model. A bundle carries the dictionary of the word segmenter, a "
    "checkpoint relies on one that is installed.": (
        "全部文件；颜色较浅的部分是模型以外的文件。部署包自带分词词典，检查点则依赖已安装的词典。"
    ),
    "model {size}": "模型 {size}",
    "{sentence}.": "{sentence}。",
    # how this was measured
    "How this was measured": "测量方法",
    "{recipe} on {engine}": "{recipe}，{engine}",
    "batches of {number}": "每批 {number} 条",
    "long texts cut": "长文本被截断",
    "a Python function": "Python 函数",
    "unknown": "未知",
    "Data": "数据",
    "Intervals": "置信区间",
    "{confidence} %; Wilson for shares of right answers, paired bootstrap of {resamples} resamples (seed {seed}) for "
    "the rest": "{confidence}%；正确率用 Wilson 区间，其余用配对自助法（{resamples} 次重抽样，随机种子 {seed}）",
    "Made by": "生成工具",
    # several candidates
    "Side by side": "并列比较",
    "candidate {number}": "待测模型 {number}",
    "{candidate}: {verdict}": "{candidate}：{verdict}",
    "{name}, {made}. ": "{name}，{made}。",
    "The whole report of {candidate}": "{candidate} 的完整报告",
    "All sides answered the same inputs in turn. Reference: {reference}.": (
        "所有模型轮流回答相同的输入。参考模型：{reference}。"
    ),
}
