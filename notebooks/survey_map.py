"""The map: from each section of the survey to lessons, modules and tests. The one place where it is kept.

    ROWS      a line for each thing: section, what, lessons, modules (below mmscratch/), tests (below tests/)
    NEEDS     lesson → the lessons that it builds on

A new lesson, module or test is a line of ROWS; several of one kind stand in one string, with spaces between. A
module may be a file or a folder. Lesson 0 draws the map (``python notebooks/build.py 00`` after a change), and
tests/test_coverage.py checks that no section is without all three and that all that is named is there.
"""

__all__ = ["NEEDS", "ROWS", "SECTIONS", "headings", "kin"]

SECTIONS = {
    "1": ("背景介绍", "Background"),
    "1.1": ("多模态学习的兴起", "The rise of multimodal learning"),
    "1.2": ("文本多模态技术的应用", "What text with other modalities is used for"),
    "1.3": ("文本多模态技术的挑战", "What is hard about it"),
    "2": ("核心概念与联系", "Concepts"),
    "2.1": ("模态表示", "Representation"),
    "2.2": ("模态融合", "Fusion"),
    "2.3": ("模态对齐", "Alignment"),
    "3": ("核心算法原理具体操作步骤", "Algorithms, step by step"),
    "3.1": ("图像描述生成", "Image captioning"),
    "3.1.1": ("基于编码器-解码器架构的图像描述生成模型", "Encoder and decoder"),
    "3.1.2": ("注意力机制", "Attention in captioning"),
    "3.2": ("跨模态检索", "Cross-modal retrieval"),
    "3.2.1": ("基于双塔模型的跨模态检索", "Two towers"),
    "3.2.2": ("基于排序学习的跨模态检索", "Learning to rank"),
    "3.3": ("视觉问答", "Visual question answering"),
    "3.3.1": ("基于联合嵌入的视觉问答模型", "Joint embedding"),
    "3.3.2": ("注意力机制", "Attention in visual questions"),
    "4": ("数学模型和公式详细讲解举例说明", "Formulas"),
    "4.1": ("注意力机制", "The attention formula"),
    "4.2": ("余弦相似度", "Cosine similarity"),
    "5": ("项目实践：代码实例和详细解释说明", "Listings"),
    "5.1": ("使用 TensorFlow 实现图像描述生成模型", "A captioner in TensorFlow"),
    "5.2": ("使用 PyTorch 实现跨模态检索模型", "Retrieval in PyTorch"),
    "6": ("实际应用场景", "Applications"),
    "6.1": ("电子商务", "Commerce"),
    "6.2": ("社交媒体", "Social media"),
    "6.3": ("医疗保健", "Health"),
    "7": ("总结：未来发展趋势与挑战", "Trends and challenges"),
    "7.1": ("未来发展趋势", "Trends"),
    "7.2": ("挑战", "Challenges"),
    "8": ("附录：常见问题与解答", "Questions and answers"),
    "8.1": ("什么是多模态学习？", "What is multimodal learning?"),
    "8.2": ("什么是文本多模态技术？", "What is text with other modalities?"),
    "8.3": ("文本多模态技术有哪些应用场景？", "What is it used for?"),
}
"""Number → the survey's title, and ours in English."""

ROWS = [
    # section, what, lessons, modules, tests
    ("1.1", "one scene in four modalities", "01_one_world", "data/scenes", "data/scenes/test_scenes_dataset.py"),
    ("1.2", "captioning", "08_encoder_decoder", "tasks/captioning/task.py", "tasks/test_caption_models_task.py"),
    ("1.2", "retrieval", "12_two_towers", "tasks/retrieval/task.py", "tasks/test_retrieval_task.py"),
    ("1.2", "visual questions", "14_joint_embedding", "tasks/vqa/task.py", "tasks/test_vqa_task.py"),
    ("1.3", "modalities differ: the gap", "12_two_towers", "explain/gap.py", "explain/test_gap.py"),
    ("1.3", "data are scarce: a world of one's own", "01_one_world", "data/scenes/splits.py", "data/scenes/test_scenes_dataset.py"),
    ("1.3", "computing is dear: kernels", "03_autograd_engine", "autograd.py tasks/warmup.py", "test_autograd.py kernels/test_attention.py"),
    ("2.1", "text: bags, TF-IDF", "04_text", "representations/text/bags.py", "representations/test_bags.py"),
    ("2.1", "text: Word2Vec, GloVe", "04_text", "representations/text/word2vec.py representations/text/glove.py", "representations/test_word_vectors.py"),
    ("2.1", "text: BERT", "04_text", "representations/text/bert.py", "representations/test_transformers.py"),
    ("2.1", "pictures: CNN features", "05_image", "representations/image/vgg.py representations/image/resnet.py", "representations/test_image_networks.py"),
    ("2.1", "pictures: detection", "05_image", "representations/image/detector.py", "representations/test_detector.py"),
    ("2.1", "pictures: scene graphs", "05_image", "representations/image/scene_graph.py", "representations/test_scene_graph.py"),
    ("2.1", "sound: MFCC, mel spectra", "06_sound", "representations/audio/cepstrum.py representations/audio/mel.py", "representations/test_mel.py representations/test_audio_features.py"),
    ("2.1", "video: 3-D convolution, C3D", "06_video", "representations/video/c3d.py", "representations/test_video_nets.py"),
    ("2.2", "early, late, hybrid, and sixteen more", "16_fusion_zoo", "models/fusion tasks/fusion/table.py", "models/fusion/test_fusion_formulas.py tasks/test_fusion_table.py"),
    ("2.2", "what sums of decisions cannot tell", "16_fusion_zoo 14_joint_embedding", "data/regimes.py", "models/fusion/test_fusion_xor.py data/test_regimes.py"),
    ("2.3", "explicit: lexicon, time warping, CTC", "17_alignment", "alignment/lexicon.py alignment/warping.py alignment/ctc.py", "alignment/test_lexicon.py alignment/test_warping.py alignment/test_ctc.py"),
    ("2.3", "implicit: IBM Model 1, transport, fragments", "17_alignment", "alignment/ibm1.py alignment/transport.py alignment/fragments.py", "alignment/test_ibm1.py alignment/test_transport.py alignment/test_fragments.py"),
    ("2.3", "against the truth", "17_alignment", "metrics/alignment.py tasks/alignment/table.py", "metrics/test_alignment_scores.py tasks/test_alignment_table.py"),
    ("3.1", "scoring captions", "11_scoring_captions", "metrics/bleu.py metrics/cider.py metrics/spice.py", "metrics/test_caption_metrics.py metrics/test_spice.py"),
    ("3.1.1", "CNN and LSTM", "08_encoder_decoder", "models/nic.py models/lrcn.py", "models/test_nic.py models/test_lrcn.py"),
    ("3.1.1", "greedy, beam, sampling", "08_encoder_decoder", "decoding", "decoding/test_beam.py decoding/test_rollout.py"),
    ("3.1.2", "soft attention", "09_soft_attention", "models/captioner.py", "models/test_captioner.py formulas/test_soft_attention_formula.py"),
    ("3.1.2", "hard attention, self-critical training", "10_hard_attention", "models/hard_captioner.py models/self_critical.py", "models/test_hard_captioner.py models/test_self_critical.py"),
    ("3.2.1", "two towers, contrastive losses", "12_two_towers", "models/two_towers.py models/retrieval_losses.py", "models/test_two_towers.py models/test_retrieval_losses.py"),
    ("3.2.2", "RankSVM, LambdaRank, LambdaMART", "13_learning_to_rank", "ranking", "ranking/test_ranksvm.py ranking/test_networks.py ranking/test_lambdamart.py"),
    ("3.2.2", "words and regions: stacked cross attention", "13_learning_to_rank", "models/scan.py", "models/test_scan.py"),
    ("3.2", "search among many", "13_learning_to_rank", "search", "search/test_hnsw.py search/test_ivfpq.py search/test_lsh.py"),
    ("3.3.1", "product, bilinear, FiLM", "14_joint_embedding", "models/vqa_joint.py models/fusion/bilinear.py", "models/test_vqa_joint.py models/fusion/test_fusion_bilinear.py"),
    ("3.3.2", "attention to the picture", "15_vqa_attention", "models/vqa_attention.py", "models/test_vqa_attention.py"),
    ("3.3.2", "attention to the question", "15_vqa_attention", "models/vqa_coattention.py", "models/test_vqa_coattention.py"),
    ("4.1", "O = softmax(QKᵀ)V", "02_attention_and_cosine", "ops/attention.py", "formulas/test_attention_formula.py"),
    ("4.2", "cos θ = A·B / (‖A‖ ‖B‖)", "02_attention_and_cosine", "ops/similarity.py", "formulas/test_cosine_formula.py"),
    ("5", "what the frameworks do unseen: derivatives", "03_autograd_engine", "autograd.py gradcheck.py", "test_autograd.py test_gradcheck.py"),
    ("5.1", "the captioning listing, mended", "07_clinic_captioning", "models/lrcn.py", "formulas/test_clinic_captioning.py"),
    ("5.2", "the retrieval listing, mended", "12_two_towers", "models/two_towers.py", "formulas/test_clinic_retrieval.py"),
    ("1.2", "sentiment", "18_applications", "tasks/sentiment models/sentiment", "tasks/test_sentiment_task.py models/test_sentiment_models.py"),
    ("6.1", "recommendation, warm and cold", "18_applications", "models/applications/recommenders.py tasks/applications/recommendation.py", "models/test_recommenders.py"),
    ("6.1", "virtual try-on", "18_applications", "models/applications/thin_plate.py tasks/applications/tryon.py", "models/test_thin_plate.py"),
    ("6.1", "searching pictures by words, a picture, a difference", "13_learning_to_rank", "tasks/search/index.py tasks/search/composed.py", "tasks/test_picture_search.py"),
    ("6.2", "the next view of a session", "18_applications", "models/applications/sequences.py tasks/applications/content.py", "models/test_recommenders.py tasks/test_applications.py"),
    ("6.2", "rumours", "18_applications", "models/rumour.py data/rumours.py tasks/rumour", "models/test_rumour_network.py data/test_rumours.py"),
    ("6.2", "moods of posts", "18_applications", "data/moods.py tasks/sentiment", "data/test_moods.py tasks/test_sentiment_task.py"),
    ("6.2", "what text and picture say together only", "16_fusion_zoo", "data/regimes.py", "models/fusion/test_fusion_xor.py"),
    ("6.3", "scans with reports", "18_applications", "data/applications/scans.py tasks/applications/medical.py", "data/test_application_worlds.py tasks/test_applications.py"),
    ("6.3", "molecules with assays", "18_applications", "data/applications/molecules.py tasks/applications/molecules.py", "data/test_application_worlds.py"),
    ("6.3", "vital signs with notes", "18_applications", "data/applications/vitals.py tasks/applications/health.py", "data/test_application_worlds.py"),
    ("6.3", "deciding when a modality is missing", "16_fusion_zoo", "models/fusion/modality_dropout.py", "models/fusion/test_fusion_training.py"),
    ("7.1", "Transformer", "A_transformer_and_gnn", "nn/transformer.py models/transformer_captioner.py", "models/test_transformer_captioner.py"),
    ("7.1", "vision Transformer", "A_transformer_and_gnn", "representations/image/vit.py models/scene_vit.py", "representations/test_transformers.py"),
    ("7.1", "graph networks, and how deep", "A_transformer_and_gnn", "nn/graph.py tasks/trends/graphs.py metrics/smoothing.py", "nn/test_graph.py metrics/test_smoothing.py"),
    ("7.1", "multi-level and adaptive fusion", "16_fusion_zoo", "models/fusion/multi_level.py models/fusion/adaptive.py models/fusion/experts.py", "models/fusion/test_fusion_formulas.py"),
    ("7.2", "explanations: gradients, Grad-CAM, occlusion", "B_interpretability", "explain/integrated.py explain/gradcam.py explain/occlude.py", "explain/test_integrated.py explain/test_gradcam.py explain/test_occlude.py"),
    ("7.2", "explanations: rollout, Shapley values", "B_interpretability", "explain/rollout.py explain/shapley.py", "explain/test_attention_rollout.py explain/test_shapley.py"),
    ("7.2", "few labels, transfer, cost", "B_interpretability", "tasks/explain/scarcity.py tasks/explain/cost.py", "tasks/test_trends_table.py tasks/test_explain_table.py"),
    ("7.2", "is attention an explanation?", "09_soft_attention", "metrics/attention.py tasks/explain/table.py", "metrics/test_attention_scores.py tasks/test_explain_table.py"),
    ("7.2", "modalities differ: the gap", "12_two_towers", "explain/gap.py models/collapse.py", "explain/test_gap.py"),
    ("8.1", "one scene in four modalities", "01_one_world", "data/scenes", "data/scenes/test_scenes_graph.py"),
    ("8.2", "sentences whose truth is known", "01_one_world", "data/scenes/captions.py data/scenes/truth.py", "data/scenes/test_scenes_language.py"),
    ("8.3", "the commands", "01_one_world", "tasks", "tasks/test_command_line.py"),
]  # fmt: skip

NEEDS = {
    "01_one_world": "",
    "02_attention_and_cosine": "",
    "03_autograd_engine": "02_attention_and_cosine",
    "04_text": "01_one_world 03_autograd_engine",
    "05_image": "01_one_world 03_autograd_engine",
    "06_sound": "01_one_world 03_autograd_engine",
    "06_video": "05_image",
    "07_clinic_captioning": "04_text 05_image",
    "08_encoder_decoder": "07_clinic_captioning",
    "09_soft_attention": "02_attention_and_cosine 08_encoder_decoder",
    "10_hard_attention": "09_soft_attention",
    "11_scoring_captions": "08_encoder_decoder",
    "12_two_towers": "04_text 05_image",
    "13_learning_to_rank": "12_two_towers",
    "14_joint_embedding": "04_text 05_image",
    "15_vqa_attention": "09_soft_attention 14_joint_embedding",
    "16_fusion_zoo": "14_joint_embedding",
    "17_alignment": "02_attention_and_cosine 04_text 06_sound",
    "18_applications": "13_learning_to_rank 16_fusion_zoo",
    "A_transformer_and_gnn": "02_attention_and_cosine 05_image",
    "B_interpretability": "12_two_towers A_transformer_and_gnn",
}
"""Lesson → the lessons that it builds on, by a line each."""


def headings(text):
    """[(number, title)] of a Markdown text's numbered headings, in their order; fenced code is skipped.

    Errors     ValueError where a fence is not closed
    """
    found, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif line.startswith("#") and not fenced:
            number, _, title = line.lstrip("#").strip().partition(" ")
            if number.replace(".", "").isdigit():
                found.append((number.strip("."), title.strip()))
    if fenced:
        raise ValueError("headings: a fence of code is not closed")
    return found


def kin(section, rows=ROWS):
    """The rows of a section and of those below it."""
    return [row for row in rows if row[0] == section or row[0].startswith(section + ".")]
